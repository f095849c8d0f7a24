"""Turns the YAML parser's errors into diagnostics, at the place of the mistake instead of where the parser noticed it."""

from typing import Any

from modelyard.config import suggestions
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.source_text import Source

_UNCLOSED = {
    "while scanning a quoted scalar": "this quote is never closed",
    "while parsing a flow sequence": "this '[' is never closed, or a ',' is missing after it",
    "while parsing a flow mapping": "this '{' is never closed, or a ',' is missing after it",
}
"""By the parser's context, which begins at the opening character."""

_MESSAGES = {
    "mapping values are not allowed": (
        "a second ':' on this line, or the wrong indentation",
        "quote a text that contains ': '",
    ),
    "could not find expected ':'": ("expected 'key: value'", ""),
    "did not find expected key": ("expected a key; is the indentation right?", ""),
    "expected <block end>": ("expected a key; is the indentation right?", ""),
    "did not find expected '-' indicator": ("expected '- ' and an item; is the indentation right?", ""),
    "node content": ("expected a value here", ""),
    "cannot start any token": ("an unquoted text cannot start with this character", "put it in quotes"),
    "unknown escape character": (
        "a backslash in double quotes starts an escape sequence",
        "use single quotes, or write it twice",
    ),
    "maximum nesting depth": ("nested too deeply", ""),
    "incompatible YAML document": ("this file declares an unsupported version of YAML", "remove the line"),
}
"""Message and suggestion, by a part of the parser's message."""

_MISSING_SPACE = (
    "mapping values are not allowed",
    "could not find expected ':'",
    "did not find expected key",
    "<block end>",
)
"""Parser messages that a missing space after a colon, on this line or the one before, may cause."""

_AT_CONTEXT = ("could not find expected ':'",)
"""Parser messages whose context is the wrong line, not the place where libyaml noticed the error."""


def syntax_error(source: Source, error: Exception) -> Diagnostic:
    """The diagnostic for an exception of the parser."""
    problem, context = str(getattr(error, "problem", "") or ""), str(getattr(error, "context", "") or "")
    mark, start = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    line, column = _place(mark or start)
    if (marker := suggestions.first_conflict_marker(source.lines)) is not None:
        return merge_conflict(source, marker)
    text = source.lines[line] if line < len(source.lines) else ""
    indent = text[: column + 1]
    if "\t" in indent and not indent.strip():
        return source.diagnostic(line, indent.index("\t"), "a tab in the indentation", suggestion="indent with spaces")
    if context.startswith("while parsing a flow") and text[:column].endswith(("${", "$")):
        hint = "write the section on separate lines"
        return source.diagnostic(line, column, "inside { } or [ ], ${NAME} must be quoted", suggestion=hint)
    for doing, message in _UNCLOSED.items():
        if context.startswith(doing) and start is not None:
            return source.diagnostic(*_place(start), message)
    for at in (line, line - 1) if any(each in problem for each in _MISSING_SPACE) else ():
        if 0 <= at < len(source.lines) and (hint := suggestions.suggest_space(source.lines[at])):
            start_of_text = len(source.lines[at]) - len(source.lines[at].lstrip())
            return source.diagnostic(at, start_of_text, "this is text, not a key with a value", suggestion=hint)
    for part, (message, suggestion) in _MESSAGES.items():
        if part in problem:
            if part in _AT_CONTEXT and start is not None:
                line, column = _place(start)
            return source.diagnostic(line, column, message, suggestion=suggestion)
    return source.diagnostic(line, column, f"not YAML: {problem or context or 'syntax error'}")


def merge_conflict(source: Source, line: int) -> Diagnostic:
    """The diagnostic for a git conflict marker in this line."""
    length = len(source.lines[line].rstrip())
    hint = "resolve the conflict and remove the markers"
    return source.diagnostic(line, 0, "a merge conflict begins here", length=length, suggestion=hint)


def _place(mark: Any) -> tuple[int, int]:
    return (mark.line, mark.column) if mark is not None else (0, 0)
