"""Reads a tensor's `data`: JSON values, flat in row-major order or nested as the shape."""

from collections.abc import Sequence
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.oip.tensors import STORED_AS, shaped
from modelyard.protocols.values.arrays import ArrayReader
from modelyard.protocols.values.bad_values import BadValues
from modelyard.tensors import DTYPES, FREE, Array


class JsonTensorReader:
    """Reads the values of tensors for one slot. `inner` holds the lengths of all axes but the first.

    Numbers have the tensor's datatype, so that JSON and raw contents give the same values. BF16, which numpy does not have, is
    read as FP32. null is a missing value if the input may have them, and NaN if it is floating.
    """

    def __init__(self, slot: Slot, inner: tuple[int, ...]) -> None:
        self._name = slot.name
        datatype = STORED_AS.get(slot.datatype, slot.datatype)
        missing = slot.missing or DTYPES[slot.target].kind == "f"
        self._flat = ArrayReader(datatype, (FREE,), missing=missing)
        self._nested = ArrayReader(datatype, (FREE, *inner), missing=missing)

    def read(self, data: list[Any], shape: Sequence[int], pointer: str) -> Array:
        """The array. `shape` must match the slot; `pointer` points to the data. Raises InvalidRequest with every bad value."""
        if not (data and type(data[0]) is list):
            return shaped(self._name, _read(self._flat, data, pointer), shape)
        array = _read(self._nested, data, pointer)
        if array.shape != tuple(shape):
            raise InvalidRequest(
                f"input {self._name!r}: the nesting of its data has shape {list(array.shape)}, expected {list(shape)}"
            )
        return array


def _read(reader: ArrayReader, data: list[Any], pointer: str) -> Array:
    array = reader.parse_fast(data)
    if array is not None:
        return array
    bad = BadValues()
    parser = reader.checked_parser(bad)
    parser.add(data, pointer)
    bad.raise_if_any()
    return parser.array()
