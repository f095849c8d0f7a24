"""What YAML text is read into: values that know their place."""

from dataclasses import dataclass, field
from typing import Any

from modelyard.config import scalar
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.source_text import Source, Span

MAX_QUOTED_CHARS = 40
"""Characters of a value that a message quotes; the line below it shows more."""

Location = tuple[int | str, ...]
"""The keys and indexes that lead to a value, as pydantic writes them."""


@dataclass(slots=True)
class Scalar:
    """One value that holds no others."""

    span: Span
    text: str
    """As written, without quotes; after expansion, as it would have been written."""
    value: scalar.Value
    plain: bool
    """Without quotes, so that the text decides the type."""
    broken: bool = False
    """Already reported; what its value says is meaningless."""
    is_alias: bool = False
    """Repeats a value that stands elsewhere, which is expanded, and reported, there too."""
    variable: str = ""
    """The `${NAME}` that the value came from, if it did; the value may be a secret."""


@dataclass(slots=True)
class Sequence:
    """A list."""

    span: Span
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A mapping. A key is always its text: `1`, `on` and `null` are no numbers, flags or nothings here."""

    span: Span
    entries: dict[str, "Node"] = field(default_factory=dict)
    keys: dict[str, Span] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


@dataclass(slots=True)
class Document:
    """What a file holds, as far as it could be read."""

    source: Source
    root: Node | None = None
    """None where the file is empty or is not YAML."""
    problems: list[Diagnostic] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written but comments, or nothing could be read."""
        return self.root is None or (isinstance(self.root, Scalar) and self.root.span.is_empty)


def plain(node: Node) -> Any:
    """The tree as dicts, lists and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    return [plain(item) for item in node.items]


def locate(root: Mapping, loc: Location) -> tuple[Node, Span]:
    """The value at a location, and what to underline: its key, where nothing is written as its value.

    Pydantic's locations also hold the tags of unions, which are no keys; they are passed over. The index of a mapping is that of
    its entry: some lists may be written as mappings.
    """
    node: Node = root
    span = root.span
    for part in loc:
        if isinstance(node, Mapping) and (name := _key(node, part)) is not None:
            key, node = node.keys[name], node.entries[name]
            span = key if node.span.is_empty else node.span
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            span = span if node.span.is_empty else node.span
    return node, span


def _key(mapping: Mapping, part: int | str) -> str | None:
    if isinstance(part, int):
        return list(mapping.entries)[part] if part < len(mapping.entries) else None
    return part if part in mapping.entries else None


def shortened(text: str) -> str:
    """As much of a text as a message quotes."""
    return text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS] + "…"
