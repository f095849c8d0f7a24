"""Parses YAML text into a tree.

It uses the parser's events, because PyYAML's loader resolves scalars by YAML 1.1, accepts duplicate keys, recurses without a limit,
and does not keep the places of values. libyaml's parser is ten times faster than the pure Python one, which is used if PyYAML was
built without libyaml.
"""

from dataclasses import dataclass, replace
from typing import Any

import yaml

from modelyard.config import scalar
from modelyard.config.source_text import Source, Span
from modelyard.config.syntax_errors import syntax_error
from modelyard.config.tree import Document, Mapping, Node, Scalar, Sequence, shortened

MAX_DEPTH = 64
"""Maximum nesting of mappings and lists."""
MAX_ALIAS_VALUES = 10_000
"""Maximum number of values that aliases may add: enough to repeat a section, too few for an alias bomb."""
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def parse(source: Source, *, loader: Any = _LOADER) -> Document:
    """The tree of a file's document, and its syntax errors. Raises nothing.

    `loader` is a PyYAML loader class, of which only the events are used.
    """
    document = Document(source)
    try:
        _Composer(document, loader(source.text)).compose()
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # ValueError and OverflowError are from the pure Python parser, for an escape such as \Uffffffff.
        document.root = None
        document.problems.append(syntax_error(source, error))
    except _TooLargeError:
        document.root = None
    return document


class _TooLargeError(Exception):
    """The document exceeds a limit, which was reported. Parsing stops."""


@dataclass(slots=True)
class _Anchored:
    """The value of an anchor; `node` is None while it is being parsed. `size` and `height` are what an alias of it adds."""

    node: Node | None = None
    size: int = 0
    height: int = 0


class _Composer:
    """Builds one document's tree from events."""

    def __init__(self, document: Document, loader: Any) -> None:
        self._document = document
        self._next = loader.get_event
        self._anchors: dict[str, _Anchored] = {}
        self._size = 0
        self._expanded = 0
        self._deepest = 0

    def compose(self) -> None:
        self._next()  # start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            return
        self._document.root = self._node(self._next(), 0)
        self._next()  # end of the document
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._report(self._span(event), "a second document starts here", "a file must contain one document")

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._report(self._span(event), f"tags such as {shortened(tag)} are not supported", "remove it")
        if event.anchor is not None:
            return self._anchor(event, depth)
        return self._written(event, depth)

    def _written(self, event: Any, depth: int) -> Node:
        self._size += 1
        self._reach(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, depth)
        return self._sequence(event, depth)

    def _scalar(self, event: Any) -> Scalar:
        text = self._text(event)
        node = Scalar(self._span(event), text, text, plain=not event.style)
        if node.plain:
            try:
                node.value = scalar.resolve(text)
            except ValueError as error:
                self._report(node.span, str(error))
                node.broken = True
        return node

    def _sequence(self, start: Any, depth: int) -> Sequence:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Sequence(self._span(start, event), items)

    def _mapping(self, start: Any, depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        keys: dict[str, Span] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            span, key = self._span(event), self._key(event, depth + 1)
            value = self._node(self._next(), depth + 1)
            if key is None:
                self._report(span, "a key must be plain text")
            elif key in entries:
                self._report(span, f"duplicate key {shortened(key)!r}", f"it is already on line {keys[key].line + 1}")
            else:
                entries[key], keys[key] = value, span
        return Mapping(self._span(start, event), entries, keys)

    def _key(self, event: Any, depth: int) -> str | None:
        if isinstance(event, yaml.ScalarEvent) and event.tag is None and event.anchor is None:
            return self._text(event)
        node = self._node(event, depth)
        return node.text if isinstance(node, Scalar) else None

    def _anchor(self, event: Any, depth: int) -> Node:
        anchored = self._anchors[event.anchor] = _Anchored()
        size, deepest = self._size + self._expanded, self._deepest
        self._deepest = depth
        anchored.node = node = self._written(event, depth)
        anchored.size = self._size + self._expanded - size
        anchored.height = self._deepest - depth
        self._deepest = max(deepest, self._deepest)
        return node

    def _alias(self, event: Any, depth: int) -> Node:
        span = self._span(event)
        anchored = self._anchors.get(event.anchor)
        if anchored is None or anchored.node is None:
            wrong = "is not defined above" if anchored is None else "contains itself"
            self._report(span, f"the anchor {shortened(event.anchor)!r} {wrong}")
            return Scalar(span, "", None, plain=True, broken=True)
        self._expanded += anchored.size
        if self._expanded > MAX_ALIAS_VALUES:
            self._report(span, f"aliases repeat more than {MAX_ALIAS_VALUES} values")
            raise _TooLargeError
        self._reach(event, depth + anchored.height)
        if isinstance(anchored.node, Scalar):
            return replace(anchored.node, span=span, is_alias=True)
        return replace(anchored.node, span=span)

    def _reach(self, event: Any, depth: int) -> None:
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            self._report(self._span(event), f"nested more than {MAX_DEPTH} levels deep")
            raise _TooLargeError

    def _text(self, event: Any) -> str:
        text: str = event.value
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            # Only the pure Python parser accepts an escape such as \ud800.
            self._report(self._span(event), "half of a surrogate pair is not a character")
            return ""
        return text

    def _span(self, start: Any, end: Any = None) -> Span:
        begin, stop = start.start_mark, (end or start).end_mark
        return Span(self._document.source, begin.line, begin.column, stop.line, stop.column)

    def _report(self, span: Span, message: str, suggestion: str = "") -> None:
        self._document.problems.append(span.diagnostic(message, suggestion))
