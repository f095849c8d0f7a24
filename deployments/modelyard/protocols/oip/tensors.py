"""Raw contents: the binary encoding of a tensor.

Row-major and little-endian. A BOOL is one byte. A BYTES value is its length in four bytes, then its bytes.
Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.protocols.values.arrays import value_count
from modelyard.tensors import DTYPES, Array
from modelyard.text.decoding import text_or_bytes

LENGTH_PREFIX = struct.Struct("<I")
"""Precedes each BYTES value."""
STORED_AS: Mapping[str, str] = {"BF16": "FP32"}
"""Datatypes that numpy does not have, and the datatype that represents their values exactly."""
DATATYPES = (*DTYPES, *STORED_AS)
"""All datatypes of the protocol."""
WIRE: Mapping[str, np.dtype[Any]] = {
    **{name: dtype.newbyteorder("<") for name, dtype in DTYPES.items() if name != "BYTES"},
    "BOOL": np.dtype(np.uint8),
    "BF16": np.dtype("<u2"),
}
"""The dtype of values in raw contents, for datatypes of a fixed size."""


def from_raw(name: str, datatype: str, shape: Sequence[int], raw: bytes | memoryview) -> Array:
    """The array of an input's raw contents. `datatype` is one of DATATYPES, and `shape` has no negative axis.

    The array has its own memory: aligned, writable, and not a view of the request's body. Raises InvalidRequest if the bytes do
    not match datatype and shape.
    """
    wire = WIRE.get(datatype)
    if wire is None:
        return shaped(name, texts(list(_elements(name, raw))), shape)
    size = prod(shape) * wire.itemsize
    if len(raw) != size:
        raise InvalidRequest(f"input {name!r}: {datatype} of shape {list(shape)} needs {size} bytes, got {len(raw)}")
    values = np.frombuffer(raw, wire)
    if datatype == "BF16":  # the upper half of an FP32
        return shaped(name, (values.astype(np.uint32) << 16).view(np.float32), shape)
    if datatype == "BOOL" and values.size and values.max() > 1:
        raise InvalidRequest(f"input {name!r}: a BOOL must be the byte 0 or 1, got {values.max()}")
    return shaped(name, values.astype(DTYPES[datatype]), shape)


def shaped(name: str, flat: Array, shape: Sequence[int]) -> Array:
    """Reshape an input's values. Raises InvalidRequest unless their number matches the shape."""
    check_size(name, flat.size, shape)
    try:
        return flat.reshape(shape)
    except ValueError:  # no values, and an axis that is too long for an array
        raise InvalidRequest(f"input {name!r}: shape {list(shape)} is too large") from None


def check_size(name: str, size: int, shape: Sequence[int]) -> None:
    """Raise InvalidRequest unless the shape has `size` values."""
    if size != prod(shape):
        raise InvalidRequest(
            f"input {name!r}: shape {list(shape)} needs {value_count(prod(shape))}, got {value_count(size)}"
        )


def to_raw(array: Array) -> bytes:
    """The raw contents of an array of any dtype that `tensors.datatype_of` supports."""
    if array.dtype.kind in "OUS":
        return b"".join(_length_prefixed(array.ravel().tolist()))
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def texts(values: Sequence[bytes]) -> Array:
    """BYTES values as an array for models: `str` if they are UTF-8, else `bytes`."""
    array = np.empty(len(values), object)
    try:
        array[:] = [value.decode() for value in values]
    except UnicodeDecodeError:
        array[:] = [text_or_bytes(value) for value in values]
    return array


def _elements(name: str, raw: bytes | memoryview) -> Iterator[bytes]:
    """The values of a BYTES tensor."""
    at, end = 0, len(raw)
    while at < end:
        start = at + LENGTH_PREFIX.size
        if start > end:
            raise InvalidRequest(
                f"input {name!r}: {end - at} bytes at its end are too few for the length of a BYTES value"
            )
        (length,) = LENGTH_PREFIX.unpack_from(raw, at)
        at = start + length
        if at > end:
            raise InvalidRequest(
                f"input {name!r}: a BYTES value of {length} bytes exceeds the contents by {at - end} bytes"
            )
        yield bytes(raw[start:at])


def _length_prefixed(values: Iterable[str | bytes]) -> Iterator[bytes]:
    for value in values:
        encoded = value.encode() if isinstance(value, str) else value
        yield LENGTH_PREFIX.pack(len(encoded))
        yield encoded
