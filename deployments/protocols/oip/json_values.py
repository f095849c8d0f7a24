"""An input's `data`: JSON values, flat in row-major order or nested as the shape is. Pure."""

from collections.abc import Sequence
from typing import Any

from deployments.errors import InvalidRequest
from deployments.protocols.arrays import ArrayReader
from deployments.protocols.bad_values import BadValues
from deployments.protocols.layout import row_shape
from deployments.protocols.oip.tensors import shaped
from deployments.tensors import FREE, Array, TensorSpec


class JsonValues:
    """Reads the values of one input. A BF16, which numpy does not have, is a number as FP32 has it."""

    def __init__(self, spec: TensorSpec) -> None:
        self._name = spec.name
        self._flat = ArrayReader(spec.datatype, (FREE,))
        self._nested = ArrayReader(spec.datatype, (*spec.shape[:1], *row_shape(spec)))

    def read(self, data: list[Any], shape: Sequence[int], pointer: str) -> Array:
        """The array. `shape` fits the input; the pointer is to the data. Raises InvalidRequest with every bad value."""
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
