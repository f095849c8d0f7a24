"""The tree of a YAML file: values with their places."""

from dataclasses import dataclass, field
from typing import Any

from modelyard.config import scalar
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.source_text import Source, Span

MAX_QUOTED_CHARS = 40
"""Characters of a value that a message quotes."""

Location = tuple[int | str, ...]
"""The path of keys and indexes to a value, in pydantic's form."""


@dataclass(slots=True)
class Scalar:
    """A single value."""

    span: Span
    text: str
    """Without quotes; after expansion, with the content of variables."""
    value: scalar.Value
    plain: bool
    """Whether the value is unquoted, so that its text determines its type."""
    broken: bool = False
    """An error in the value was reported; the value must not be used."""
    is_alias: bool = False
    """Whether this is a copy of an anchored value, whose errors are reported at the anchor."""
    variable: str = ""
    """The `${NAME}` from which the value came, or "". Such a value may be a secret."""


@dataclass(slots=True)
class Sequence:
    """A list."""

    span: Span
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A mapping. Keys are always strings: `1`, `on` and `null` are not converted."""

    span: Span
    entries: dict[str, "Node"] = field(default_factory=dict)
    keys: dict[str, Span] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


@dataclass(slots=True)
class Document:
    """The tree of one file, and its errors."""

    source: Source
    root: Node | None = None
    """None if the file is empty or is not YAML."""
    problems: list[Diagnostic] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the file has only comments, or could not be parsed."""
        return self.root is None or (isinstance(self.root, Scalar) and self.root.span.is_empty)


def plain(node: Node) -> Any:
    """The tree as dicts, lists and Python values."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    return [plain(item) for item in node.items]


def locate(root: Mapping, loc: Location) -> tuple[Node, Span]:
    """The value at a location, and the span to underline: the key's, if the value is empty.

    Pydantic's locations also contain the tags of unions, which are skipped. An index into a mapping selects the entry at that
    position, since some lists may be written as mappings.
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
    """The text, cut to MAX_QUOTED_CHARS."""
    return text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS] + "…"
