"""Parses the JSON of an infer request. Checks the types of its members only, not whether they match the model.

Unknown members are ignored, as in Triton: some clients send their own.
"""

from dataclasses import dataclass
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.parameters import BASE64, CONTENT_TYPE, check_no_sequence
from modelyard.protocols.predict.body import parse_json
from modelyard.protocols.values.bad_values import invalid_value
from modelyard.text.quoting import described

EXAMPLE = '{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [0.5]}]}'
MAX_TIMEOUT_US = 86_400_000_000
"""One day, in microseconds, the protocol's unit."""

Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InputTensorHeader:
    """One input in the JSON."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None
    """The values, flat or nested as the shape; None if they are raw contents."""
    binary_size: int
    """The size of its raw contents after the JSON."""
    base64: bool = False
    """Whether its values are encoded as base64."""


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """One output that a request asks for."""

    name: str
    """The name in the request and in the response. The model's own name may differ."""
    binary: bool
    classes: int = 0
    """How many of its largest values to return in its place; 0 for the output itself."""


@dataclass(frozen=True, slots=True)
class InferRequestJson:
    """A whole request, without its raw contents."""

    id: str
    inputs: list[InputTensorHeader]
    outputs: list[RequestedOutput]
    """Empty to request all."""
    binary: bool
    """Whether outputs are raw contents by default."""
    timeout_s: float | None


def read_document(json: bytes) -> InferRequestJson:
    """Parse the JSON. Raises InvalidRequest for the first invalid member."""
    document = parse_json(json, EXAMPLE)
    if type(document) is not dict:
        raise InvalidRequest(f"expected an object such as {EXAMPLE}, got {described(document)}")
    parameters = _object(document, "parameters", "")
    binary = _boolean(parameters, "binary_data_output", "/parameters", False)
    _integer(parameters, "priority", "/parameters", 2**64 - 1)
    timeout_us = _integer(parameters, "timeout", "/parameters", MAX_TIMEOUT_US)
    check_no_sequence(parameters.items())
    inputs = _list(document, "inputs", required=True)
    outputs = _list(document, "outputs")
    return InferRequestJson(
        _string(document, "id", "", required=False),
        [_input(each, f"/inputs/{index}") for index, each in enumerate(inputs)],
        [_output(each, f"/outputs/{index}", binary) for index, each in enumerate(outputs)],
        binary,
        timeout_us / 1e6 if timeout_us else None,
    )


def _input(members: Any, pointer: str) -> InputTensorHeader:
    if type(members) is not dict:
        raise invalid_value(
            pointer, f"expected an object with name, shape, datatype and data, got {described(members)}"
        )
    name = _string(members, "name", pointer)
    parameters = _object(members, "parameters", pointer) if "parameters" in members else {}
    _no_shared_memory(parameters, pointer)
    binary = "binary_data_size" in parameters
    if binary == ("data" in members):
        got = "both" if binary else "neither"
        raise invalid_value(pointer, f'expected either "data" or "binary_data_size", got {got}')
    return InputTensorHeader(
        name,
        _string(members, "datatype", pointer),
        _shape(members, pointer),
        None if binary else _data(members, pointer),
        _integer(parameters, "binary_data_size", f"{pointer}/parameters", 2**63 - 1) if binary else 0,
        parameters.get(CONTENT_TYPE) == BASE64 and members["datatype"] == "BYTES",
    )


def _data(members: Members, pointer: str) -> list[Any]:
    """The values. A string may be sent without a list, as in MLServer, and so may the value of a tensor without axes."""
    data = members["data"]
    alone = type(data) is str and members["datatype"] == "BYTES"
    scalar = members["shape"] == [] and type(data) in (str, int, float, bool)
    return [data] if alone or scalar else _list(members, "data", pointer, required=True)


def _output(members: Any, pointer: str, binary: bool) -> RequestedOutput:
    if type(members) is not dict:
        raise invalid_value(pointer, f"expected an object with a name, got {described(members)}")
    name = _string(members, "name", pointer)
    parameters = _object(members, "parameters", pointer)
    _no_shared_memory(parameters, pointer)
    at = f"{pointer}/parameters"
    return RequestedOutput(
        name,
        _boolean(parameters, "binary_data", at, binary),
        _integer(parameters, "classification", at, 2**31 - 1),
    )


def _no_shared_memory(parameters: Members, pointer: str) -> None:
    if "shared_memory_region" in parameters:
        raise invalid_value(
            f"{pointer}/parameters/shared_memory_region", "shared memory is not supported; send the values"
        )


def _shape(members: Members, pointer: str) -> list[int]:
    shape = members.get("shape")
    if type(shape) is not list:
        raise invalid_value(f"{pointer}/shape", f"expected a list of whole numbers, got {_got(members, 'shape')}")
    for index, axis in enumerate(shape):
        if type(axis) is not int:
            raise invalid_value(f"{pointer}/shape/{index}", f"expected a whole number, got {described(axis)}")
    return shape


def _object(members: Members, name: str, pointer: str) -> Members:
    """An optional object; {} if it is absent."""
    value = members.get(name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise invalid_value(f"{pointer}/{name}", f"expected an object, got {described(value)}")
    return value


def _list(members: Members, name: str, pointer: str = "", *, required: bool = False) -> list[Any]:
    value = members.get(name)
    if type(value) is list:
        return value
    if value is None and not required:
        return []
    raise invalid_value(f"{pointer}/{name}", f"expected a list, got {_got(members, name)}")


def _string(members: Members, name: str, pointer: str, *, required: bool = True) -> str:
    value = members.get(name)
    if type(value) is str:
        return value
    if value is None and not required:
        return ""
    raise invalid_value(f"{pointer}/{name}", f"expected a string, got {_got(members, name)}")


def _boolean(members: Members, name: str, pointer: str, default: bool) -> bool:
    value = members.get(name, default)
    if type(value) is not bool:
        raise invalid_value(f"{pointer}/{name}", f"expected true or false, got {described(value)}")
    return value


def _integer(members: Members, name: str, pointer: str, maximum: int) -> int:
    """An integer from 0 to `maximum`; 0 if it is absent."""
    value = members.get(name, 0)
    if type(value) is not int or not 0 <= value <= maximum:
        raise invalid_value(f"{pointer}/{name}", f"expected a whole number from 0 to {maximum}, got {described(value)}")
    return value


def _got(members: Members, name: str) -> str:
    return described(members[name]) if name in members else "nothing"
