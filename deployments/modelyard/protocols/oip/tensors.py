"""Raw contents: the bytes in which the binary forms of the protocol carry a tensor. Pure.

Row-major and little-endian; a BOOL is one byte, a BYTES value its length in four bytes and then so many bytes.
Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.protocols.values.arrays import counted
from modelyard.tensors import DTYPES, Array
from modelyard.text.decoding import text_or_bytes

LENGTH = struct.Struct("<I")
"""Stands before each BYTES value."""
HELD_AS: Mapping[str, str] = {"BF16": "FP32"}
"""Datatypes that only the wire has, and what holds each of their values exactly: numpy has no BF16."""
DATATYPES = (*DTYPES, *HELD_AS)
"""All that the protocol has."""
WIRE: Mapping[str, np.dtype[Any]] = {
    **{name: dtype.newbyteorder("<") for name, dtype in DTYPES.items() if name != "BYTES"},
    "BOOL": np.dtype(np.uint8),
    "BF16": np.dtype("<u2"),
}
"""How values lie in raw contents, where all are of one size."""


def from_raw(name: str, datatype: str, shape: Sequence[int], raw: bytes | memoryview) -> Array:
    """The array of an input's raw contents; `datatype` is one of DATATYPES, and `shape` has no negative axis.

    It has memory of its own: aligned, writable, and not a part of the request's body. Raises InvalidRequest where the bytes do
    not fit.
    """
    wire = WIRE.get(datatype)
    if wire is None:
        return shaped(name, texts(list(_elements(name, raw))), shape)
    size = prod(shape) * wire.itemsize
    if len(raw) != size:
        raise InvalidRequest(f"input {name!r}: {datatype} of shape {list(shape)} is {size} bytes, got {len(raw)}")
    values = np.frombuffer(raw, wire)
    if datatype == "BF16":  # the upper half of an FP32
        return shaped(name, (values.astype(np.uint32) << 16).view(np.float32), shape)
    if datatype == "BOOL" and values.size and values.max() > 1:
        raise InvalidRequest(f"input {name!r}: a BOOL is the byte 0 or 1, got {values.max()}")
    return shaped(name, values.astype(DTYPES[datatype]), shape)


def shaped(name: str, flat: Array, shape: Sequence[int]) -> Array:
    """An input's values in its shape. Raises InvalidRequest unless there are exactly so many."""
    check_size(name, flat.size, shape)
    try:
        return flat.reshape(shape)
    except ValueError:  # no values, and an axis that no array can have
        raise InvalidRequest(f"input {name!r}: shape {list(shape)} is too large") from None


def check_size(name: str, size: int, shape: Sequence[int]) -> None:
    """Refuse another number of values than the shape has."""
    if size != prod(shape):
        raise InvalidRequest(f"input {name!r}: shape {list(shape)} is {counted(prod(shape))}, got {counted(size)}")


def to_raw(array: Array) -> bytes:
    """The raw contents of any array that `tensors.datatype_of` has a name for."""
    if array.dtype.kind in "OUS":
        return b"".join(_written(array.ravel().tolist()))
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def texts(values: Sequence[bytes]) -> Array:
    """BYTES values as models get them: `str` where they are UTF-8."""
    array = np.empty(len(values), object)
    try:
        array[:] = [value.decode() for value in values]
    except UnicodeDecodeError:
        array[:] = [text_or_bytes(value) for value in values]
    return array


def _elements(name: str, raw: bytes | memoryview) -> Iterator[bytes]:
    """The values of BYTES."""
    at, end = 0, len(raw)
    while at < end:
        start = at + LENGTH.size
        if start > end:
            raise InvalidRequest(f"input {name!r}: {end - at} bytes at its end are no length of a BYTES value")
        (length,) = LENGTH.unpack_from(raw, at)
        at = start + length
        if at > end:
            raise InvalidRequest(f"input {name!r}: a BYTES value of {length} bytes goes {at - end} bytes past its end")
        yield bytes(raw[start:at])


def _written(values: Iterable[str | bytes]) -> Iterator[bytes]:
    for value in values:
        encoded = value.encode() if isinstance(value, str) else value
        yield LENGTH.pack(len(encoded))
        yield encoded
