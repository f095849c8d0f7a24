"""Turns pydantic's validation errors into diagnostics at the place in the file."""

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from modelyard.config import key_errors, scalar, server_spec, suggestions, url_paths
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import FOLDER, NAME, RUNTIME, slug
from modelyard.config.spec_base import EXPECTED, REJECTED
from modelyard.config.tree import Location, Mapping, Node, Scalar, locate, shortened

_EXPECTED_TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "too_short": "at least one item",
    "string_too_short": "at least one character",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
}
_PATTERNS = {
    NAME: "1 to 63 characters of a-z, 0-9, '.', '_' and '-', starting with a letter or digit",
    RUNTIME: "onnx, sklearn or python:<module>:<Class>",
    FOLDER: "a folder inside the repository, such as churn or team/churn",
    url_paths.ROUTE: "a path such as /models/churn, of letters, digits, '.', '_', '-' and '~'",
    server_spec.HOST: "an address such as 127.0.0.1, or a host name",
    server_spec.RAY_ADDRESS: "local or <host>:<port>",
    server_spec.PATH: "the path of a folder",
    server_spec.ORIGIN: "an origin in the form that browsers send, such as https://app.example or http://localhost:3000",
    server_spec.COLLECTOR_URL: "a URL such as http://127.0.0.1:4318",
}
_YAML_1_1_FLAGS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
"""Words that YAML 1.1 reads as booleans."""


def value_errors(error: ValidationError, spec: type[BaseModel], root: Mapping, *, limit: int) -> Iterator[Diagnostic]:
    """One diagnostic for each of the first `limit` errors. Suggestions for thousands of unknown keys would take a minute.

    Values that were reported before validation are skipped.
    """
    details = error.errors()
    misspelt = {
        key_errors.intended_key(spec, detail["loc"])
        for detail in details[:limit]
        if detail["type"] == "extra_forbidden"
    }
    for detail in details[:limit]:
        loc, kind = detail["loc"], detail["type"]
        context = detail.get("ctx", {})
        loc = (*loc, *context.get("at", ()))
        node, span = locate(root, loc)
        if kind == "extra_forbidden":
            yield key_errors.unknown_key(spec, root, loc)
        elif kind == "missing":
            if loc not in misspelt:
                yield key_errors.missing_key(root, loc)
        elif not (isinstance(node, Scalar) and node.broken):
            yield span.diagnostic(*_wrong_value(kind, context, node, _last_key(loc)))


def leading_zeros(root: Mapping, *, free: Collection[str] = ()) -> Iterator[Diagnostic]:
    """A diagnostic for each number such as 012, which is 12 in YAML 1.2 and 10 in many tools. Keys in `free` are not checked."""
    for key, node in root.entries.items():
        if key not in free:
            yield from _leading_zeros(node)


def describe_value(node: Node) -> str:
    """A value, for "got ..."; never the content of an environment variable, which may be a secret."""
    if not isinstance(node, Scalar):
        return "a mapping" if isinstance(node, Mapping) else "a list"
    if node.value is None:
        return "null" if node.text else "nothing"
    kind = {bool: "the boolean", int: "the whole number", float: "the number", str: "the string"}[type(node.value)]
    if node.variable:
        return f"{kind.replace('the', 'a')} from {node.variable}"
    text = shortened(node.text)
    return f"{kind} {text!r}" if isinstance(node.value, str) else f"{kind} {text}"


def _last_key(loc: Location) -> str:
    return next((part for part in reversed(loc) if isinstance(part, str)), "")


def _wrong_value(kind: str, context: dict[str, Any], node: Node, key: str) -> tuple[str, str]:
    """The message, and a suggestion or ""."""
    if kind == REJECTED:
        return context["text"], context["suggestion"]
    if kind == EXPECTED:
        from_variable = isinstance(node, Scalar) and node.variable
        hint = context.get("suggestion", "") or suggestions.suggest_versions(context["what"], node)
        return f"expected {context['what']}, got {describe_value(node)}", "" if from_variable else hint
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"expected {words} {context[key]:.15g}, got {describe_value(node)}", ""
    if kind == "too_long":
        return f"expected at most {context['max_length']} items, got {context['actual_length']}", ""
    if kind == "literal_error":
        what = context["expected"].replace("'", "")
        hint = _closest_word(node, re.split(" or |, ", what)) or suggestions.suggest_versions(what, node)
        return f"expected {what}, got {describe_value(node)}", hint
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"expected {_PATTERNS[pattern]}, got {describe_value(node)}", _well_formed(pattern, node)
    return f"expected {_EXPECTED_TYPES.get(kind, 'a different value')}, got {describe_value(node)}", _other_type(
        kind, node, key
    )


def _other_type(kind: str, node: Node, key: str) -> str:
    if not isinstance(node, Scalar) or node.value is None or node.variable:
        return ""
    if kind == "string_type":
        return "put it in quotes"
    if kind == "bool_type" and node.text.lower() in _YAML_1_1_FLAGS:
        return f"did you mean {_YAML_1_1_FLAGS[node.text.lower()]}?"
    if kind == "int_type" and isinstance(node.value, float) and node.value.is_integer():
        return f"did you mean {int(node.value)}?"
    if kind in ("int_type", "float_type") and (hint := suggestions.suggest_number(node.text, key)):
        return hint
    if kind == "model_type" and node.plain and (hint := suggestions.suggest_replicas(node.text)):
        return hint
    if kind in ("int_type", "float_type", "bool_type") and not node.plain and not isinstance(_reread(node.text), str):
        return "remove the quotes"
    return ""


def _reread(text: str) -> scalar.Value:
    try:
        return scalar.resolve(text)
    except ValueError:
        return text


def _well_formed(pattern: str, node: Node) -> str:
    if not isinstance(node, Scalar) or node.variable:
        return ""
    if pattern == NAME and (name := slug(node.text)):
        return f"did you mean {name!r}?"
    if pattern == url_paths.ROUTE and url_paths.is_route(route := "/" + node.text.strip("/")):
        return f"did you mean {route!r}?"
    if pattern == server_spec.ORIGIN and re.fullmatch(pattern, origin := "/".join(node.text.lower().split("/")[:3])):
        return f"did you mean {origin}?"
    return _closest_word(node, ("onnx", "sklearn")) if pattern == RUNTIME else ""


def _closest_word(node: Node, words: Collection[str]) -> str:
    near = difflib.get_close_matches(node.text, words, 1) if isinstance(node, Scalar) and not node.variable else []
    return f"did you mean {near[0]}?" if near else ""


def _leading_zeros(node: Node) -> Iterator[Diagnostic]:
    if isinstance(node, Scalar):
        if node.plain and isinstance(node.value, int) and scalar.has_leading_zero(node.text):
            yield node.span.diagnostic(*_octal_or_not(node))
        return
    for child in node.entries.values() if isinstance(node, Mapping) else node.items:
        yield from _leading_zeros(child)


def _octal_or_not(node: Scalar) -> tuple[str, str]:
    if node.variable:
        return (
            f"{node.variable} has a leading zero: decimal in YAML 1.2, but octal elsewhere",
            "remove the leading zero",
        )
    suggestion = f"write {node.value}, or 0o{node.text.lstrip('+-0') or '0'} for octal"
    return f"{node.text} is {node.value} in YAML 1.2, but octal elsewhere", suggestion
