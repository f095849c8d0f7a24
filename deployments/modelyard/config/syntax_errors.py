"""The YAML parser's complaints in plain words, at the place where the mistake is rather than where it was noticed."""

from typing import Any

from modelyard.config import suggestions
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.source_text import Source

_UNCLOSED = {
    "while scanning a quoted scalar": "this quote is never closed",
    "while parsing a flow sequence": "this '[' is never closed, or a ',' is missing after it",
    "while parsing a flow mapping": "this '{' is never closed, or a ',' is missing after it",
}
"""By what the parser was doing when it missed the end; it began at the place that helps."""

_MISSING_END = ("end of stream", "expected ','", "document separator", "document indicator")

_MESSAGES = {
    "mapping values are not allowed": (
        "a second ':' on this line, or the wrong indentation",
        "quote a text that holds ': '",
    ),
    "could not find expected ':'": ("expected 'key: value'", ""),
    "did not find expected key": ("expected a key; is the indentation right?", ""),
    "expected <block end>": ("expected a key; is the indentation right?", ""),
    "did not find expected '-' indicator": ("expected '- ' and an item; is the indentation right?", ""),
    "node content": ("expected a value here", ""),
    "cannot start any token": ("a plain text cannot start with this character", "put it in quotes"),
    "unknown escape character": (
        "a backslash in double quotes begins an escape",
        "use single quotes, or write it twice",
    ),
    "maximum nesting depth": ("nested too deep", ""),
    "incompatible YAML document": ("this file declares a version of YAML that is not read here", "leave the line out"),
}
"""By a part of the complaint: what is wrong, and what would help."""

_MISSING_SPACE = (
    "mapping values are not allowed",
    "could not find expected ':'",
    "did not find expected key",
    "<block end>",
)
"""Complaints that a line before may be to blame for, where it has no space after its colon."""

_AT_CONTEXT = ("could not find expected ':'",)
"""Complaints about the line where libyaml was, not about the one where it noticed."""


def syntax_error(source: Source, error: Exception) -> Diagnostic:
    """The diagnostic for what the parser raised."""
    problem, context = str(getattr(error, "problem", "") or ""), str(getattr(error, "context", "") or "")
    mark, start = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    line, column = _place(mark or start)
    if (marker := suggestions.first_conflict_marker(source.lines)) is not None:
        return merge_conflict(source, marker)
    text = source.lines[line] if line < len(source.lines) else ""
    indent = text[: column + 1]
    if "\t" in indent and not indent.strip():
        return source.diagnostic(line, indent.index("\t"), "a tab in the indentation", suggestion="YAML wants spaces")
    if context.startswith("while parsing a flow") and text[:column].endswith(("${", "$")):
        hint = "write the section on lines of its own"
        return source.diagnostic(line, column, "inside { } or [ ], ${NAME} must be quoted", suggestion=hint)
    for doing, message in _UNCLOSED.items():
        if context.startswith(doing) and start is not None and any(end in problem for end in _MISSING_END):
            return source.diagnostic(*_place(start), message)
    for at in (line, line - 1) if any(each in problem for each in _MISSING_SPACE) else ():
        if 0 <= at < len(source.lines) and (hint := suggestions.suggest_space(source.lines[at])):
            start_of_text = len(source.lines[at]) - len(source.lines[at].lstrip())
            return source.diagnostic(at, start_of_text, "this is text, and no key with a value", suggestion=hint)
    for complaint, (message, suggestion) in _MESSAGES.items():
        if complaint in problem:
            if complaint in _AT_CONTEXT and start is not None:
                line, column = _place(start)
            return source.diagnostic(line, column, message, suggestion=suggestion)
    return source.diagnostic(line, column, f"not YAML: {problem or context or 'it cannot be read'}")


def merge_conflict(source: Source, line: int) -> Diagnostic:
    """The diagnostic for a marker that git left in this line."""
    length = len(source.lines[line].rstrip())
    hint = "decide which of the changes to keep, and remove the markers"
    return source.diagnostic(line, 0, "a merge conflict begins here", length=length, suggestion=hint)


def _place(mark: Any) -> tuple[int, int]:
    return (mark.line, mark.column) if mark is not None else (0, 0)
