"""Converts Arrow arrays to numpy arrays and masks of missing values. Every array is validated before its values are read."""

from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal

import numpy as np
from pyarrow import types

from modelyard.errors import InvalidRequest
from modelyard.tensors import Array
from modelyard.text.decoding import text_or_bytes

Kind = Literal["numbers", "booleans", "strings", "nulls"]
"""The kind of values in a column. A column of nulls has missing values only, and is valid for every datatype."""
MAX_AXES = 32
"""The nesting of lists; numpy arrays have at most 64 axes."""

Values = tuple[Array, Array]
"""Values, and a mask of the same shape. Values that are missing are arbitrary."""


@dataclass(slots=True)
class ByteBudget:
    """How many bytes the arrays of a body may still use.

    Buffers may overlap, so a small body could be many large arrays. All arrays together may use twice the body's bytes: once for
    their buffers, and once for columns of nulls, which have none.
    """

    left_bytes: int
    dictionaries: dict[Any, Values] = field(default_factory=dict)
    """By type and buffer addresses: batches share dictionaries, and each is read once."""

    def spend(self, size_bytes: int) -> None:
        """Reduce the budget. Raises InvalidRequest if it is exceeded."""
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise InvalidRequest("the stream's arrays claim more values than its bytes hold")


def kind_of(type_: Any) -> Kind | None:
    """The kind of an array's innermost values; None for an unsupported type."""
    if types.is_dictionary(type_):
        return None if types.is_dictionary(type_.value_type) or _list(type_.value_type) else kind_of(type_.value_type)
    if _list(type_):
        return kind_of(type_.value_type) if len(shape_of(type_)) <= MAX_AXES else None
    if types.is_integer(type_) or types.is_floating(type_):
        return "numbers"
    if types.is_boolean(type_):
        return "booleans"
    if _text(type_):
        return "strings"
    return "nulls" if types.is_null(type_) else None


def shape_of(type_: Any) -> tuple[int, ...]:
    """The shape of one row: the lengths of fixed-size lists, or ()."""
    shape = []
    while _list(type_):
        shape.append(type_.list_size)
        type_ = type_.value_type
    return tuple(shape)


def read_values(array: Any, budget: ByteBudget) -> Values:
    """The values, of shape (rows, ...). Raises InvalidRequest, or pyarrow's errors for an invalid array."""
    array.validate()
    if not _list(array.type):
        return _dictionary(array, budget) if types.is_dictionary(array.type) else _plain(array, budget)
    rows, size = len(array), array.type.list_size
    missing = _missing(array)
    if missing.any():
        raise InvalidRequest(f"expected a list of {size} values, got null, in row {int(missing.argmax())} of a batch")
    values, absent = read_values(array.values.slice(array.offset * size, rows * size), budget)
    return values.reshape(rows, size, *values.shape[1:]), absent.reshape(rows, size, *absent.shape[1:])


def _plain(array: Any, budget: ByteBudget) -> Values:
    length = len(array)
    budget.spend(_size_bytes(array))
    array.validate(full=True)
    missing = _missing(array)
    if types.is_null(array.type):
        return np.zeros(length), np.ones(length, np.bool_)
    if types.is_boolean(array.type):
        return _bits(array.buffers()[1], array.offset, length), missing
    if _text(array.type):
        strings = np.empty(length, np.object_)
        strings[:] = [text_or_bytes(value) if type(value) is bytes else value for value in array.to_pylist()]
        return strings, missing
    dtype = np.dtype(array.type.to_pandas_dtype())
    if not length:
        return np.empty(0, dtype), missing
    return np.frombuffer(array.buffers()[1], dtype, length, array.offset * dtype.itemsize), missing


def _dictionary(array: Any, budget: ByteBudget) -> Values:
    indices, missing = _plain(array.indices, budget)
    dictionary = array.dictionary
    addresses = (0 if buffer is None else buffer.address for buffer in dictionary.buffers())
    key = (dictionary.type, dictionary.offset, len(dictionary), *addresses)
    if key not in budget.dictionaries:
        budget.dictionaries[key] = read_values(dictionary, budget)
    entries, absent = budget.dictionaries[key]
    if not len(entries):
        entries, absent = np.zeros(1, entries.dtype), np.ones(1, np.bool_)
    indices = np.where(missing, 0, indices)
    if len(indices) and not (indices.min() >= 0 and indices.max() < max(len(dictionary), 1)):
        raise InvalidRequest("an index is outside of its dictionary")
    return entries[indices], missing | absent[indices]


def _size_bytes(array: Any) -> int:
    """Bytes of the body that the array uses."""
    if types.is_null(array.type):
        return ceil(len(array) / 8)
    if types.is_string_view(array.type) or types.is_binary_view(array.type):
        # A view is 16 bytes that begin with a length. Many views may refer to the same bytes.
        views = np.frombuffer(array.buffers()[1] or b"", np.int32)[4 * array.offset :][: 4 * len(array) : 4]
        return 16 * len(array) + int(views.astype(np.int64).clip(0).sum())
    return int(array.nbytes)


def _missing(array: Any) -> Array:
    validity = None if types.is_null(array.type) else array.buffers()[0]
    if validity is None:
        return np.zeros(len(array), np.bool_)
    return ~_bits(validity, array.offset, len(array))


def _bits(buffer: Any, offset: int, length: int) -> Array:
    """Bits as booleans, the lowest bit of each byte first."""
    used = np.frombuffer(buffer or b"", np.uint8)[: (offset + length + 7) // 8]
    return np.unpackbits(used, bitorder="little")[offset : offset + length].astype(np.bool_)


def _list(type_: Any) -> bool:
    return bool(types.is_fixed_size_list(type_))


def _text(type_: Any) -> bool:
    return any(
        is_one(type_)
        for is_one in (
            types.is_string,
            types.is_large_string,
            types.is_string_view,
            types.is_binary,
            types.is_large_binary,
            types.is_binary_view,
        )
    )
