"""Parses a JSON request body: one object with the input in one of several formats, and options."""

from codecs import BOM_UTF8
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from modelyard.errors import InvalidRequest
from modelyard.protocols.values.bad_values import BadValues
from modelyard.text.decoding import decode_body
from modelyard.text.quoting import described, escaped, quoted

INPUT_MEMBERS = ("instances", "inputs", "dataframe_split", "dataframe_records")
OPTION_MEMBERS = ("outputs", "probabilities")
EXAMPLE = '{"instances": [...]}'
NON_FINITE = ("NaN", "Infinity", "nan", "inf")
"""How some JSON writers spell non-finite numbers, which JSON does not have. orjson stops there, after a sign."""


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """The options of a body. Only their types are checked."""

    outputs: tuple[str, ...] = ()
    """Empty if the client requested none."""
    probabilities: bool = False


NO_OPTIONS = PredictOptions()


def parse_body(body: bytes, ignored: Collection[str] = ()) -> tuple[str, Any, PredictOptions]:
    """The name of the input member (one of INPUT_MEMBERS), its value, and the options. Raises InvalidRequest.

    `ignored` are members that are accepted without effect.
    """
    document = parse_json(body)
    if type(document) is not dict:
        raise InvalidRequest(f"expected an object such as {EXAMPLE}, got {described(document)}")
    if len(document) == 1:  # the usual case
        [(member, value)] = document.items()
        if member in INPUT_MEMBERS:
            return member, value, NO_OPTIONS
    options = _options({name: value for name, value in document.items() if name not in ignored})
    [member] = [name for name in INPUT_MEMBERS if name in document]
    return member, document[member], options


def parse_json(body: bytes, example: str = EXAMPLE) -> Any:
    """Parse JSON. The last of duplicate members counts. Raises InvalidRequest with line and column.

    A byte order mark is skipped: Windows programs write one. `example` is shown in the error for an empty body.
    """
    if body[:3] == BOM_UTF8:
        body = body[3:]
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = _error_message(error, decode_body(body), example)
    raise InvalidRequest(message)  # outside of `except`, so that the error does not keep the body alive


def _error_message(error: orjson.JSONDecodeError, text: str, example: str) -> str:
    if not text:
        return f"the body is empty; expected JSON such as {example}"
    position = f"line {error.lineno}, column {error.colno}"
    if text.startswith(NON_FINITE, error.pos):
        return f"the body is not valid JSON: NaN and Infinity are not JSON, send null ({position})"
    return f"the body is not valid JSON: {error.msg} ({position})"


def _options(document: dict[str, Any]) -> PredictOptions:
    bad = BadValues()
    for name in document:
        if name not in INPUT_MEMBERS and name not in OPTION_MEMBERS:
            bad.add_unknown(f"/{escaped(name)}", "member", name, (*INPUT_MEMBERS, *OPTION_MEMBERS))
    members = [quoted(name) for name in INPUT_MEMBERS if name in document]
    if len(members) != 1:
        known = ", ".join(quoted(name) for name in INPUT_MEMBERS)
        bad.add("", f"expected exactly one of {known}, got {' and '.join(members) or 'none'}")
    probabilities = document.get("probabilities", False)
    if type(probabilities) is not bool:
        bad.add("/probabilities", f"expected true or false, got {described(probabilities)}")
    outputs = _output_names(document["outputs"], bad) if "outputs" in document else ()
    bad.raise_if_any()
    return PredictOptions(outputs, probabilities)


def _output_names(value: Any, bad: BadValues) -> tuple[str, ...]:
    names: dict[str, None] = {}
    if type(value) is not list or not value:
        bad.add("/outputs", f"expected a list of output names, got {described(value)}")
        return ()
    for index, name in enumerate(value):
        if type(name) is not str:
            bad.add(f"/outputs/{index}", f"expected an output's name, got {described(name)}")
        elif name in names:
            bad.add(f"/outputs/{index}", f"duplicate output {quoted(name)}")
        else:
            names[name] = None
    return tuple(names)
