"""Reads a request that holds only the raw contents of the model's one input. The shape follows from the number of bytes.

Source: "Raw Binary Request" in
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from math import prod

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.tensors import WIRE, from_raw, texts
from modelyard.protocols.values.row_layout import row_shape
from modelyard.tensors import FREE, Array, Signature


def read_raw_body(body: bytes, signature: Signature) -> tuple[str, Array]:
    """The input's name and its array. For BYTES the whole body is one value, without a length prefix.

    Raises InvalidRequest if the model has several required inputs, or the bytes do not determine the shape.
    """
    required = [spec for spec in signature.inputs if not spec.optional]
    if len(required) != 1:
        raise InvalidRequest(
            f"a body without JSON can only be sent to a model with one required input; this has {len(required)}"
        )
    [spec] = required
    shape = [*spec.shape[:1], *row_shape(spec)]
    if spec.datatype == "BYTES":
        return spec.name, texts([body]).reshape(_of_one_value(spec.name, shape))
    size = WIRE[spec.datatype].itemsize
    free = [axis for axis, length in enumerate(shape) if length == FREE]
    if len(free) > 1 and signature.rowwise:
        shape[free.pop(0)] = 1  # one row, as in Triton
    if len(free) > 1:
        raise InvalidRequest(
            f"input {spec.name!r} has several axes of any length; send its shape as JSON before the raw contents"
        )
    if free:
        each = size * prod(length for length in shape if length != FREE)
        if not each or len(body) % each:
            raise InvalidRequest(f"input {spec.name!r}: expected a multiple of {each} bytes, got {len(body)}")
        shape[free[0]] = len(body) // each
    return spec.name, from_raw(spec.name, spec.datatype, shape, body)


def _of_one_value(name: str, shape: list[int]) -> list[int]:
    if any(length not in (FREE, 1) for length in shape):
        raise InvalidRequest(f"input {name!r} expects several values, but a body without JSON holds one")
    return [1] * len(shape)
