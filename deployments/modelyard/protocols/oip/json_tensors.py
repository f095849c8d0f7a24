"""A tensor's `data`: JSON values, flat in row-major order or nested as the shape is. Pure."""

from collections.abc import Sequence
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.slots import Slot
from modelyard.protocols.oip.tensors import HELD_AS, shaped
from modelyard.protocols.values.arrays import ArrayReader
from modelyard.protocols.values.bad_values import BadValues
from modelyard.tensors import DTYPES, FREE, Array


class JsonValues:
    """Reads the values of tensors that go to one slot, `inner` being the lengths of all their axes but the first.

    Numbers are of the tensor's own datatype, so that JSON says what raw contents would; a BF16, which numpy does not have, is a
    number as FP32 has it. null is a missing value where the input takes them or is floating.
    """

    def __init__(self, slot: Slot, inner: tuple[int, ...]) -> None:
        self._name = slot.name
        datatype = HELD_AS.get(slot.datatype, slot.datatype)
        missing = slot.missing or DTYPES[slot.wanted].kind == "f"
        self._flat = ArrayReader(datatype, (FREE,), missing=missing)
        self._nested = ArrayReader(datatype, (FREE, *inner), missing=missing)

    def read(self, data: list[Any], shape: Sequence[int], pointer: str) -> Array:
        """The array. `shape` fits the slot; the pointer is to the data. Raises InvalidRequest with every bad value."""
        if not (data and type(data[0]) is list):
            return shaped(self._name, _read(self._flat, data, pointer), shape)
        array = _read(self._nested, data, pointer)
        if array.shape != tuple(shape):
            raise InvalidRequest(
                f"input {self._name!r}: its data is nested as {list(array.shape)}, not as {list(shape)}"
            )
        return array


def _read(reader: ArrayReader, data: list[Any], pointer: str) -> Array:
    array = reader.quick(data)
    if array is not None:
        return array
    bad = BadValues()
    walk = reader.walk(bad)
    walk.add(data, pointer)
    bad.raise_if_any()
    return walk.array()
