"""The JSON of an infer request: its members, checked for their types only; what they mean for the model comes later. Pure.

Members that the protocol does not have are passed over, as Triton does: clients send their own.
"""

from dataclasses import dataclass
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.parameters import BASE64, PARAMETER, check_no_sequence
from modelyard.protocols.predict.body import parse
from modelyard.protocols.values.bad_values import refuse
from modelyard.text.quoting import described

EXAMPLE = '{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [0.5]}]}'
A_DAY_US = 86_400_000_000
"""The longest time-out, in the microseconds in which the protocol counts them."""

Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InputTensorHeader:
    """One input as the JSON describes it."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None
    """The values, flat or nested as the shape is; None where they are binary."""
    binary_size: int
    """Bytes of its raw contents behind the JSON."""
    base64: bool = False
    """Whether its values are the base64 of those that are meant."""


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """One output as a request asks for it."""

    name: str
    """As the request has it, and so the answer; the model may have another."""
    binary: bool
    classes: int = 0
    """How many of its largest values are wanted in its place; 0 for the output itself."""


@dataclass(frozen=True, slots=True)
class InferRequestJson:
    """A whole request, but for the bytes behind it."""

    id: str
    inputs: list[InputTensorHeader]
    outputs: list[RequestedOutput]
    """Empty where all are wanted."""
    binary: bool
    """Whether outputs that nothing is said of come as raw contents."""
    timeout_s: float | None


def read_document(json: bytes) -> InferRequestJson:
    """What the JSON says. Raises InvalidRequest at the first member that is not as it should be."""
    document = parse(json, EXAMPLE)
    if type(document) is not dict:
        raise InvalidRequest(f"expected an object such as {EXAMPLE}, got {described(document)}")
    parameters = _object(document, "parameters", "")
    binary = _boolean(parameters, "binary_data_output", "/parameters", False)
    _whole(parameters, "priority", "/parameters", 2**64 - 1)
    timeout_us = _whole(parameters, "timeout", "/parameters", A_DAY_US)
    check_no_sequence(parameters.items())
    inputs = _list(document, "inputs", required=True)
    outputs = _list(document, "outputs")
    return InferRequestJson(
        _text(document, "id", "", required=False),
        [_input(each, f"/inputs/{index}") for index, each in enumerate(inputs)],
        [_output(each, f"/outputs/{index}", binary) for index, each in enumerate(outputs)],
        binary,
        timeout_us / 1e6 if timeout_us else None,
    )


def _input(members: Any, pointer: str) -> InputTensorHeader:
    if type(members) is not dict:
        raise refuse(pointer, f"expected an object with name, shape, datatype and data, got {described(members)}")
    name = _text(members, "name", pointer)
    parameters = _object(members, "parameters", pointer) if "parameters" in members else {}
    _no_shared_memory(parameters, pointer)
    binary = "binary_data_size" in parameters
    if binary == ("data" in members):
        has = 'both "data" and "binary_data_size"' if binary else 'neither "data" nor "binary_data_size"'
        raise refuse(pointer, f"expected one of the two, got {has}")
    return InputTensorHeader(
        name,
        _text(members, "datatype", pointer),
        _shape(members, pointer),
        None if binary else _data(members, pointer),
        _whole(parameters, "binary_data_size", f"{pointer}/parameters", 2**63 - 1) if binary else 0,
        parameters.get(PARAMETER) == BASE64 and members["datatype"] == "BYTES",
    )


def _data(members: Members, pointer: str) -> list[Any]:
    """The values. A single text may stand alone, as MLServer has it, and so may the value of a tensor without axes."""
    data = members["data"]
    alone = type(data) is str and members["datatype"] == "BYTES"
    scalar = members["shape"] == [] and type(data) in (str, int, float, bool)
    return [data] if alone or scalar else _list(members, "data", pointer, required=True)


def _output(members: Any, pointer: str, binary: bool) -> RequestedOutput:
    if type(members) is not dict:
        raise refuse(pointer, f"expected an object with a name, got {described(members)}")
    name = _text(members, "name", pointer)
    parameters = _object(members, "parameters", pointer)
    _no_shared_memory(parameters, pointer)
    at = f"{pointer}/parameters"
    return RequestedOutput(
        name,
        _boolean(parameters, "binary_data", at, binary),
        _whole(parameters, "classification", at, 2**31 - 1),
    )


def _no_shared_memory(parameters: Members, pointer: str) -> None:
    if "shared_memory_region" in parameters:
        raise refuse(f"{pointer}/parameters/shared_memory_region", "shared memory is not taken; send the values")


def _shape(members: Members, pointer: str) -> list[int]:
    shape = members.get("shape")
    if type(shape) is not list:
        raise refuse(f"{pointer}/shape", f"expected a list of whole numbers, got {_got(members, 'shape')}")
    for index, axis in enumerate(shape):
        if type(axis) is not int:
            raise refuse(f"{pointer}/shape/{index}", f"expected a whole number, got {described(axis)}")
    return shape


def _object(members: Members, name: str, pointer: str) -> Members:
    """An optional object; {} where it is not there."""
    value = members.get(name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise refuse(f"{pointer}/{name}", f"expected an object, got {described(value)}")
    return value


def _list(members: Members, name: str, pointer: str = "", *, required: bool = False) -> list[Any]:
    value = members.get(name)
    if type(value) is list:
        return value
    if value is None and not required:
        return []
    raise refuse(f"{pointer}/{name}", f"expected a list, got {_got(members, name)}")


def _text(members: Members, name: str, pointer: str, *, required: bool = True) -> str:
    value = members.get(name)
    if type(value) is str:
        return value
    if value is None and not required:
        return ""
    raise refuse(f"{pointer}/{name}", f"expected a string, got {_got(members, name)}")


def _boolean(members: Members, name: str, pointer: str, default: bool) -> bool:
    value = members.get(name, default)
    if type(value) is not bool:
        raise refuse(f"{pointer}/{name}", f"expected true or false, got {described(value)}")
    return value


def _whole(members: Members, name: str, pointer: str, most: int) -> int:
    """A number from 0 to `most`; 0 where it is not there."""
    value = members.get(name, 0)
    if type(value) is not int or not 0 <= value <= most:
        raise refuse(f"{pointer}/{name}", f"expected a whole number from 0 to {most}, got {described(value)}")
    return value


def _got(members: Members, name: str) -> str:
    return described(members[name]) if name in members else "nothing"
