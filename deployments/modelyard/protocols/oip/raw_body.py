"""A request that is nothing but the raw contents of the model's one input: the shape follows from the number of bytes. Pure.

Source: "Raw Binary Request" in
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from math import prod

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.tensors import WIRE, from_raw, texts
from modelyard.protocols.values.row_layout import row_shape
from modelyard.tensors import FREE, Array, Signature


def read_raw_body(body: bytes, signature: Signature) -> tuple[str, Array]:
    """The input's name and its array. BYTES is one value: the body as it is, without a length before it.

    Raises InvalidRequest where the model has several inputs, or the bytes do not tell the shape.
    """
    required = [spec for spec in signature.inputs if not spec.optional]
    if len(required) != 1:
        raise InvalidRequest(f"a body without a header is for models of one input, and this one has {len(required)}")
    [spec] = required
    shape = [*spec.shape[:1], *row_shape(spec)]
    if spec.datatype == "BYTES":
        return spec.name, texts([body]).reshape(_of_one_value(spec.name, shape))
    size = WIRE[spec.datatype].itemsize
    free = [axis for axis, length in enumerate(shape) if length == FREE]
    if len(free) > 1 and free[0] == 0 and signature.rowwise:
        shape[free.pop(0)] = 1  # one row, as Triton has it
    if len(free) > 1:
        raise InvalidRequest(
            f"input {spec.name!r} has several axes of any length; send its shape, in JSON before the bytes"
        )
    if free:
        each = size * prod(length for length in shape if length != FREE)
        if not each or len(body) % each:
            raise InvalidRequest(f"input {spec.name!r}: expected a multiple of {each} bytes, got {len(body)}")
        shape[free[0]] = len(body) // each
    return spec.name, from_raw(spec.name, spec.datatype, shape, body)


def _of_one_value(name: str, shape: list[int]) -> list[int]:
    if any(length not in (FREE, 1) for length in shape):
        raise InvalidRequest(f"input {name!r} takes more than the one value that a body without a header can be")
    return [1] * len(shape)
