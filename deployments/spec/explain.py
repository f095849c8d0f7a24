"""What a spec refused, in an operator's words and at its place in the file."""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from deployments.spec import routes, scalar, server
from deployments.spec.diagnostic import Diagnostic
from deployments.spec.model import FOLDER, NAME, RUNTIME, ModelDefaults, ModelSpec
from deployments.spec.refusal import EXPECTED, REFUSED
from deployments.spec.source import Span
from deployments.spec.yaml import Mapping, Node, Scalar
from deployments.spec.yaml import Sequence as List

_KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "too_short": "at least one item",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
}
_PATTERNS = {
    NAME: "1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit",
    RUNTIME: "onnx, sklearn or python:<module>:<Class>",
    FOLDER: "a folder inside the repository, such as churn or team/churn",
    routes.ROUTE: "a path such as /models/churn, of letters, digits, '.', '_', '-' and '~'",
    server.HOST: "an address such as 127.0.0.1 or a host's name",
    server.RAY_ADDRESS: "local or <host>:<port>",
    server.ANY_FOLDER: "a folder's path",
}
_FLAGS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
"""What YAML 1.1 took for flags, and many still write."""


def explain(error: ValidationError, spec: type[BaseModel], root: Mapping) -> Iterator[Diagnostic]:
    """One diagnostic for each thing that is wrong; nothing for values that were reported before they were validated."""
    details = error.errors(include_url=False)
    misspelt = {_guess(spec, detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"}
    for detail in details:
        loc, kind = detail["loc"], detail["type"]
        node, span = _locate(root, loc)
        if kind == "extra_forbidden":
            yield _unknown_key(spec, root, loc)
        elif kind == "missing":
            if loc not in misspelt:
                yield _missing_key(root, loc)
        elif not (isinstance(node, Scalar) and node.broken):
            yield span.diagnostic(*_wrong_value(kind, detail.get("ctx", {}), node))


def leading_zeros(root: Mapping, *, free: Sequence[str] = ()) -> Iterator[Diagnostic]:
    """A diagnostic for each number such as 012, which is 12 here and 10 to many tools; keys in `free` may hold any."""
    for key, node in root.entries.items():
        if key not in free:
            yield from _leading_zeros(node)


def describe(node: Node) -> str:
    """What stands there, for "got ..."; never the content of an environment variable, which may be a secret."""
    if not isinstance(node, Scalar):
        return "a mapping" if isinstance(node, Mapping) else "a list"
    if node.value is None:
        return "null" if node.text else "nothing"
    kind = {bool: "the flag", int: "the whole number", float: "the number", str: "the string"}[type(node.value)]
    if node.variable:
        return f"{kind.replace('the', 'a', 1)} from {node.variable}"
    text = node.text if len(node.text) <= 40 else node.text[:40] + "…"
    return f"{kind} {text!r}" if isinstance(node.value, str) else f"{kind} {text}"


def slug(text: str) -> str:
    """The model name nearest to a text that is none, or nothing."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:63]


def _locate(root: Mapping, loc: Sequence[int | str]) -> tuple[Node, Span]:
    """The value at a pydantic location, and what to underline: its key, where nothing is written as its value.

    A location also holds the tags of unions, which are no keys; they are passed over.
    """
    node: Node = root
    span = root.span
    for part in loc:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
            key, node = node.keys[part], node.entries[part]
            span = key if node.span.is_empty else node.span
        elif isinstance(node, List) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            span = span if node.span.is_empty else node.span
    return node, span


def _wrong_value(kind: str, context: dict[str, Any], node: Node) -> tuple[str, str]:
    """The message, and what would help."""
    if kind == REFUSED:
        return context["text"], context["suggestion"]
    if kind == EXPECTED:
        return f"expected {context['what']}, got {describe(node)}", context.get("suggestion", "")
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"expected {words} {context[key]:.15g}, got {describe(node)}", ""
    if kind == "literal_error":
        what = context["expected"].replace("'", "")
        return f"expected {what}, got {describe(node)}", _nearest(node, what.split(" or "))
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"expected {_PATTERNS[pattern]}, got {describe(node)}", _well_formed(pattern, node)
    return f"expected {_KINDS.get(kind, 'something else')}, got {describe(node)}", _other_type(kind, node)


def _other_type(kind: str, node: Node) -> str:
    if not isinstance(node, Scalar) or node.value is None or node.variable:
        return ""
    if kind == "string_type":
        return "put it in quotes"
    if kind == "bool_type" and node.text.lower() in _FLAGS:
        return f"did you mean {_FLAGS[node.text.lower()]}?"
    if kind == "int_type" and isinstance(node.value, float) and node.value.is_integer():
        return f"did you mean {int(node.value)}?"
    if kind in ("int_type", "float_type", "bool_type") and not node.plain and not isinstance(_reread(node.text), str):
        return "leave out the quotes"
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
    if pattern == routes.ROUTE and routes.is_route(route := "/" + node.text.strip("/")):
        return f"did you mean {route!r}?"
    return _nearest(node, ("onnx", "sklearn")) if pattern == RUNTIME else ""


def _nearest(node: Node, words: Sequence[str]) -> str:
    near = difflib.get_close_matches(node.text, words, 1) if isinstance(node, Scalar) and not node.variable else []
    return f"did you mean {near[0]}?" if near else ""


def _missing_key(root: Mapping, loc: Sequence[int | str]) -> Diagnostic:
    section, span = _locate(root, loc[:-1])
    if isinstance(section, Mapping) and section.keys and len(loc) == 1:
        span = next(iter(section.keys.values()))
    key = str(loc[-1])
    name = slug(PurePath(span.source.path).stem) if loc == ("name",) else ""
    return span.diagnostic(f"missing key {key!r}", f"add '{key}: {name or '...'}'")


def _unknown_key(spec: type[BaseModel], root: Mapping, loc: Sequence[int | str]) -> Diagnostic:
    section, span = _locate(root, loc[:-1])
    key = str(loc[-1])
    if isinstance(section, Mapping):
        span = section.keys.get(key, span)
    owner = _section(spec, loc[:-1])
    if owner is ModelDefaults and key in ModelSpec.model_fields:
        return span.diagnostic(f"{key!r} cannot have a default", "it belongs in a model's own file")
    if key == "<<":
        suggestion = "models share keys through 'defaults' in server.yaml"
        return span.diagnostic("merge keys ('<<') are not part of YAML 1.2", suggestion)
    return span.diagnostic(f"unknown key {key!r}", _did_you_mean(spec, loc))


def _did_you_mean(spec: type[BaseModel], loc: Sequence[int | str]) -> str:
    if guess := _guess(spec, tuple(loc)):
        return f"did you mean {str(guess[-1])!r}?"
    key = str(loc[-1])
    if len(loc) > 1 and key in spec.model_fields:
        return f"{key!r} belongs at the top, not under {str(loc[0])!r}"
    homes = [name for name in spec.model_fields if key in _section(spec, (name,)).model_fields and name != loc[0]]
    return f"did you mean '{homes[0]}.{key}'?" if homes else ""


def _guess(spec: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location of the key that a misspelt one was meant to be, or ()."""
    near = difflib.get_close_matches(str(loc[-1]), _section(spec, loc[:-1]).model_fields, 1)
    return (*loc[:-1], near[0]) if near else ()


def _section(spec: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel]:
    """The model that a section is read as; a base model without fields where the location is a plain value."""
    for part in loc:
        if isinstance(part, str) and part in spec.model_fields:
            spec = _model_in(spec.model_fields[part].annotation) or BaseModel
    return spec


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _leading_zeros(node: Node) -> Iterator[Diagnostic]:
    if isinstance(node, Scalar):
        if node.plain and isinstance(node.value, int) and scalar.has_leading_zero(node.text):
            suggestion = f"write {node.value}, or 0o{node.text.lstrip('+-0') or '0'} where octal was meant"
            yield node.span.diagnostic(f"{node.text} is {node.value} in YAML 1.2, but octal elsewhere", suggestion)
        return
    for child in node.entries.values() if isinstance(node, Mapping) else node.items:
        yield from _leading_zeros(child)
