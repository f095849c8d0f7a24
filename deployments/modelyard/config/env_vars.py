"""Expands `${NAME}` and `${NAME:-default}` in a file's values; `$$` is one dollar sign.

Values are expanded after parsing, so the content of a variable can never add a key or end a quote.
"""

import re
from collections.abc import Mapping as Map

from modelyard.config import scalar
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.tree import Document, Mapping, Node, Scalar, shortened

REFERENCE = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"
"""A reference, as a JSON Schema pattern."""

_REFERENCE = re.compile(
    r"""\$(?:
          (?P<dollar>\$)
        | \{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:[^}$]|\$\$|\$(?![{$]))*))?\}
        | (?P<broken>\{[^}]*\}?)
        )""",
    re.VERBOSE,
)


def expand(document: Document, environ: Map[str, str]) -> None:
    """Replace the references in every value of the document, and add errors to its problems.

    As in a shell, a default also replaces an empty variable. The type of an unquoted value is resolved after expansion, so
    `max: ${MAX:-4}` is a number and `max: "${MAX:-4}"` a string. The content of a variable is not expanded again.
    """
    text = document.source.text
    # Most files have no dollar sign but that of "$schema" in a comment, so check the text first: it is cheaper.
    if document.root is not None and ("${" in text or "$$" in text):
        for node in _scalars(document.root, seen=set()):
            if "$" in node.text:
                _expand(node, environ, document.problems)


def _scalars(node: Node, seen: set[int]) -> list[Scalar]:
    """Every scalar once, also if aliases repeat it."""
    if id(node) in seen:
        return []
    seen.add(id(node))
    if isinstance(node, Scalar):
        return [node]
    children = node.entries.values() if isinstance(node, Mapping) else node.items
    return [found for child in children for found in _scalars(child, seen)]


def _expand(node: Scalar, environ: Map[str, str], problems: list[Diagnostic]) -> None:
    def replace(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["broken"]:
            suggestion = "write ${NAME} or ${NAME:-default}, and $$ for a dollar sign"
            return fail(match, f"{shortened(match.group())!r} is not a valid variable reference", suggestion)
        node.variable = match.group()
        if value := environ.get(match["name"], ""):
            return value
        if match["default"] is not None:
            return match["default"].replace("$$", "$")
        if match["name"] in environ:
            return ""
        suggestion = f"set it, or add a default: ${{{match['name']}:-...}}"
        return fail(match, f"the environment variable {match['name']} is not set", suggestion)

    def fail(match: re.Match[str], message: str, suggestion: str) -> str:
        node.broken = True
        if not node.is_alias:
            problems.append(_at(node, match.group(), message, suggestion))
        return ""

    node.text = node.value = _REFERENCE.sub(replace, node.text)
    if node.plain and not node.broken:
        try:
            node.value = scalar.resolve(node.text)
        except ValueError as error:
            node.broken = True
            problems.append(node.span.diagnostic(str(error)))


def _at(node: Scalar, reference: str, message: str, suggestion: str) -> Diagnostic:
    """A diagnostic at the reference, or at the whole value if the reference is not found because of escapes or line breaks."""
    span = node.span
    line = span.source.lines[span.line]
    if (start := line.find(reference, span.column)) < 0:
        return span.diagnostic(message, suggestion)
    return span.source.diagnostic(span.line, start, message, length=len(reference), suggestion=suggestion)
