"""Sets keys of a YAML file and leaves the rest of its text, comments included, as the operator wrote it. Pure."""

from collections.abc import Mapping as Map
from typing import Any

from modelyard.config import tree
from modelyard.config.source_text import Source
from modelyard.config.yaml_parser import parse

Position = tuple[int, int]
"""Line and column, counted from 0."""


class CannotEdit(Exception):
    """The file cannot be edited safely. The one argument says what to write by hand."""


def with_keys(source: Source, values: Map[str, Any]) -> str:
    """The file's text with these top-level keys set. Values are numbers and lists of numbers. Raises CannotEdit."""
    text = source.text
    for key, value in values.items():
        text = _with_key(Source(source.path, text), key, str(value))
    before, after = parse(source).root, parse(Source(source.path, text)).root
    if isinstance(before, tree.Mapping) and after and tree.plain(after) == {**tree.plain(before), **values}:
        return text
    raise CannotEdit(
        f"this file cannot be edited automatically; write by hand: {', '.join(map(_line, values.items()))}"
    )


def _line(entry: tuple[str, Any]) -> str:
    key, value = entry
    return f"{key}: {value}"


def _with_key(source: Source, key: str, value: str) -> str:
    root = parse(source).root
    if not isinstance(root, tree.Mapping):
        return source.text  # `with_keys` detects that nothing changed
    if key in root.entries:
        start = root.keys[key]
        return _replaced(source, (start.line, start.column), _end(root.entries[key]), f"{key}: {value}")
    if _is_flow(root):
        after_brace = root.span.line, root.span.column + 1
        return _replaced(source, after_brace, after_brace, f"{key}: {value}, ")
    first = next(iter(root.entries.values()), root)
    line = _end(first)[0]
    line_end = line, len(source.lines[line])
    newline = "\r\n" if "\r\n" in source.text else "\n"
    return _replaced(source, line_end, line_end, f"{newline}{' ' * root.span.column}{key}: {value}")


def _replaced(source: Source, start: Position, end: Position, text: str) -> str:
    return source.text[: _offset(source, start)] + text + source.text[_offset(source, end) :]


def _offset(source: Source, place: Position) -> int:
    line, column = place
    lines = source.text.splitlines(keepends=True)
    return sum(map(len, lines[:line])) + column


def _is_flow(node: tree.Mapping | tree.Sequence) -> bool:
    """Whether the node is written in braces or brackets."""
    line = node.span.source.lines[node.span.line]
    return line[node.span.column : node.span.column + 1] in ("{", "[")


def _end(node: tree.Node) -> Position:
    """The end of a value's text. The parser's own end of an indented value includes the blank lines and comments after it."""
    children = () if isinstance(node, tree.Scalar) else _children(node)
    if not children or _is_flow(node):  # type: ignore[arg-type] # a scalar has no children
        return node.span.end_line, node.span.end_column
    return max(map(_end, children))


def _children(node: tree.Mapping | tree.Sequence) -> list[tree.Node]:
    return list(node.entries.values()) if isinstance(node, tree.Mapping) else node.items
