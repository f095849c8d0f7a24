"""A JSON request body: one object that holds one form of input, and perhaps options."""

from codecs import BOM_UTF8
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from modelyard.errors import InvalidRequest
from modelyard.protocols.values.bad_values import BadValues
from modelyard.text.decoding import decode_body
from modelyard.text.quoting import described, escaped, quoted

FORMS = ("instances", "inputs", "dataframe_split", "dataframe_records")
OPTIONS = ("outputs", "probabilities")
EXAMPLE = '{"instances": [...]}'
INFINITE = ("NaN", "Infinity", "nan", "inf")
"""How other JSON writers spell what JSON has no words for; orjson stops at them, after a sign."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a body says beside its input, checked for types only."""

    outputs: tuple[str, ...] = ()
    """Empty where the client named none."""
    probabilities: bool = False


NO_OPTIONS = Options()


def read_body(body: bytes, passed_over: Collection[str] = ()) -> tuple[str, Any, Options]:
    """The form (one of FORMS), what stands in it, and the options. Raises InvalidRequest.

    `passed_over` are members of another protocol that mean nothing here.
    """
    document = parse(body)
    if type(document) is not dict:
        raise InvalidRequest(f"expected an object such as {EXAMPLE}, got {described(document)}")
    if len(document) == 1:  # the usual one
        [(form, value)] = document.items()
        if form in FORMS:
            return form, value, NO_OPTIONS
    options = _options({name: value for name, value in document.items() if name not in passed_over})
    [form] = [name for name in FORMS if name in document]
    return form, document[form], options


def parse(body: bytes, example: str = EXAMPLE) -> Any:
    """Any JSON. Of a member that comes twice, the last counts. Raises InvalidRequest with line and column.

    A byte order mark may stand before it, as Windows writes files. `example` is what a client is told that sends nothing at all.
    """
    if body[:3] == BOM_UTF8:
        body = body[3:]
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = _explained(error, decode_body(body), example)
    raise InvalidRequest(message)  # out here, so that the error does not keep the body alive


def _explained(error: orjson.JSONDecodeError, text: str, example: str) -> str:
    if not text:
        return f"the body is empty; expected JSON such as {example}"
    place = f"line {error.lineno}, column {error.colno}"
    if text.startswith(INFINITE, error.pos):
        return f"the body is not valid JSON: NaN and Infinity are not part of it, send null ({place})"
    return f"the body is not valid JSON: {error.msg} ({place})"


def _options(document: dict[str, Any]) -> Options:
    bad = BadValues()
    for name in document:
        if name not in FORMS and name not in OPTIONS:
            bad.unknown(f"/{escaped(name)}", "member", name, (*FORMS, *OPTIONS))
    forms = [quoted(name) for name in FORMS if name in document]
    if len(forms) != 1:
        known = ", ".join(quoted(name) for name in FORMS)
        bad.add("", f"expected exactly one of {known}, got {' and '.join(forms) or 'none'}")
    probabilities = document.get("probabilities", False)
    if type(probabilities) is not bool:
        bad.add("/probabilities", f"expected true or false, got {described(probabilities)}")
    outputs = _output_names(document["outputs"], bad) if "outputs" in document else ()
    bad.raise_if_any()
    return Options(outputs, probabilities)


def _output_names(value: Any, bad: BadValues) -> tuple[str, ...]:
    names: dict[str, None] = {}
    if type(value) is not list or not value:
        bad.add("/outputs", f"expected a list of output names, got {described(value)}")
        return ()
    for index, name in enumerate(value):
        if type(name) is not str:
            bad.add(f"/outputs/{index}", f"expected an output's name, got {described(name)}")
        elif name in names:
            bad.add(f"/outputs/{index}", f"output {quoted(name)} comes twice")
        else:
            names[name] = None
    return tuple(names)
