"""Arrow's arrays to numpy's, with a mask of what is missing. Every array is validated before its values are touched."""

from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal

import numpy as np
from pyarrow import types

from modelyard.errors import InvalidRequest
from modelyard.tensors import Array
from modelyard.text.decoding import text_or_bytes

Kind = Literal["numbers", "flags", "texts", "nothing"]
"""What a column is of. A column of nothing has missing values only, and goes as any."""
MOST_AXES = 32
"""Lists in lists; numpy's arrays have at most 64 axes."""

Values = tuple[Array, Array]
"""Values, and of the same shape whether each is missing; then the value says nothing."""


@dataclass(slots=True)
class Meter:
    """Bytes that the arrays of a body may still take of it.

    Buffers may overlap, so that a small body would be many large arrays: together they may take its bytes once, and once more
    for columns of nothing, which take none.
    """

    left_bytes: int
    dictionaries: dict[Any, Values] = field(default_factory=dict)
    """By their types and the addresses of their buffers: batches share them, and each is read once."""

    def take(self, size_bytes: int) -> None:
        """Raises InvalidRequest where nothing is left."""
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise InvalidRequest("the stream's arrays claim more values than its bytes hold")


def kind_of(type_: Any) -> Kind | None:
    """What an array's innermost values are; None for what is not taken."""
    if types.is_dictionary(type_):
        return None if types.is_dictionary(type_.value_type) or _list(type_.value_type) else kind_of(type_.value_type)
    if _list(type_):
        return kind_of(type_.value_type) if len(shape_of(type_)) <= MOST_AXES else None
    if types.is_integer(type_) or types.is_floating(type_):
        return "numbers"
    if types.is_boolean(type_):
        return "flags"
    if _text(type_):
        return "texts"
    return "nothing" if types.is_null(type_) else None


def shape_of(type_: Any) -> tuple[int, ...]:
    """Of one row: the lengths of lists of a fixed size, or ()."""
    shape = []
    while _list(type_):
        shape.append(type_.list_size)
        type_ = type_.value_type
    return tuple(shape)


def values_of(array: Any, meter: Meter) -> Values:
    """Of the shape (rows, ...). Raises InvalidRequest, or what pyarrow raises for an array that is not valid."""
    array.validate()
    if not _list(array.type):
        return _dictionary(array, meter) if types.is_dictionary(array.type) else _plain(array, meter)
    rows, size = len(array), array.type.list_size
    missing = _missing(array)
    if missing.any():
        raise InvalidRequest(f"expected a list of {size} values, got null, in row {int(missing.argmax())} of a batch")
    values, gone = values_of(array.values.slice(array.offset * size, rows * size), meter)
    return values.reshape(rows, size, *values.shape[1:]), gone.reshape(rows, size, *gone.shape[1:])


def _plain(array: Any, meter: Meter) -> Values:
    length = len(array)
    meter.take(_size_bytes(array))
    array.validate(full=True)
    missing = _missing(array)
    if types.is_null(array.type):
        return np.zeros(length), np.ones(length, np.bool_)
    if types.is_boolean(array.type):
        return _bits(array.buffers()[1], array.offset, length), missing
    if _text(array.type):
        texts = np.empty(length, np.object_)
        texts[:] = [text_or_bytes(value) if type(value) is bytes else value for value in array.to_pylist()]
        return texts, missing
    dtype = np.dtype(array.type.to_pandas_dtype())
    if not length:
        return np.empty(0, dtype), missing
    return np.frombuffer(array.buffers()[1], dtype, length, array.offset * dtype.itemsize), missing


def _dictionary(array: Any, meter: Meter) -> Values:
    places, missing = _plain(array.indices, meter)
    dictionary = array.dictionary
    places_in_body = (0 if buffer is None else buffer.address for buffer in dictionary.buffers())
    key = (dictionary.type, dictionary.offset, len(dictionary), *places_in_body)
    if key not in meter.dictionaries:
        meter.dictionaries[key] = values_of(dictionary, meter)
    words, without = meter.dictionaries[key]
    if not len(words):
        words, without = np.zeros(1, words.dtype), np.ones(1, np.bool_)
    places = np.where(missing, 0, places)
    if len(places) and not (places.min() >= 0 and places.max() < max(len(dictionary), 1)):
        raise InvalidRequest("an index is outside of its dictionary")
    return words[places], missing | without[places]


def _size_bytes(array: Any) -> int:
    """Bytes of the body that the array stands for."""
    if types.is_null(array.type):
        return ceil(len(array) / 8)
    if types.is_string_view(array.type) or types.is_binary_view(array.type):
        # Each is 16 bytes that begin with a length; many may show the same bytes.
        views = np.frombuffer(array.buffers()[1] or b"", np.int32)[4 * array.offset :][: 4 * len(array) : 4]
        return 16 * len(array) + int(views.astype(np.int64).clip(0).sum())
    return int(array.nbytes)


def _missing(array: Any) -> Array:
    validity = None if types.is_null(array.type) else array.buffers()[0]
    if validity is None:
        return np.zeros(len(array), np.bool_)
    return ~_bits(validity, array.offset, len(array))


def _bits(buffer: Any, offset: int, length: int) -> Array:
    """Bits as booleans, the lowest of each byte first."""
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
