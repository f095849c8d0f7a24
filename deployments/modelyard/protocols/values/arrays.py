"""Nested JSON lists to one array: quickly where all is well, else value by value, so that each bad one can be named."""

from collections.abc import Sequence
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np

from modelyard.protocols.values.bad_values import BadValues
from modelyard.protocols.values.datatypes import DATATYPES, Read
from modelyard.tensors import FREE, Array
from modelyard.text.quoting import described

FEW = 64
"""Values that Python adds up before numpy has made up its mind."""

NOTHING = np.array(None, np.object_)
"""A missing value, to compare arrays of dtype object with."""

_flattened = chain.from_iterable


class ArrayReader:
    """Reads arrays of one datatype and shape; FREE where an axis may have any length.

    With `missing`, null is a missing value where it is not NaN: None in an array of dtype object.
    """

    def __init__(self, datatype: str, shape: tuple[int, ...], *, missing: bool = False) -> None:
        self.shape = shape
        self._datatype = DATATYPES[datatype]
        self._missing = missing and self._datatype.dtype.kind != "f"
        self._kinds, self._dtype, self._narrow = self._datatype.kinds, self._datatype.dtype, self._datatype.narrow
        self._nested = range(len(shape) - 1)
        self._rest = shape[1:]
        self._rest_alone = shape[:1] == (FREE,)
        """Whether an array fits if its shape after the first axis does."""

    def quick(self, values: Any) -> Array | None:
        """The array, or None where `walk` must look: perhaps something is wrong, perhaps it is only unusual.

        numpy reads "1" as 1.0 where it is given the dtype, so the types of all values are looked at first.
        An array comes out only if `walk` would have made the same.
        """
        flat = values if self.shape else (values,)
        try:
            for _ in self._nested:
                flat = _flattened(flat)
            if self._kinds.issuperset(map(type, flat)):
                array = np.asarray(values, self._dtype)
            elif self._missing:
                array = self._with_missing(values)
            else:
                return None
        except (TypeError, ValueError, OverflowError, RuntimeWarning):  # the last where warnings are errors, see below
            return None
        shape = array.shape
        if not (shape and self._rest_alone and shape[1:] == self._rest) and not fits(shape, self.shape):
            return None
        # numpy only warns of a number that becomes infinite on the way to a narrower type; JSON has no infinity.
        return None if self._narrow and _has_infinity(array) else array

    def walk(self, bad: BadValues) -> "Walk":
        """The slow way."""
        return Walk(self._datatype.read, self._dtype, self.shape, bad, missing=self._missing)

    def _with_missing(self, values: Any) -> Array:
        """The array with None among its values. Raises ValueError where a value is of another type."""
        array = np.asarray(values, np.object_)
        present = np.not_equal(array, NOTHING).astype(np.bool_)
        known = array[present].tolist()
        if not self._kinds.issuperset(map(type, known)):
            raise ValueError(values)
        array[present] = np.asarray(known, self._dtype).astype(np.object_)
        return array


def _has_infinity(array: Array) -> bool:
    if array.size <= FEW and isfinite(sum(array.ravel().tolist())):
        return False
    return bool(np.isinf(array).any())


class Walk:
    """Reads value by value. Give it one whole array, or many of the same shape, one after the other."""

    def __init__(
        self, read: Read, dtype: np.dtype[Any], shape: tuple[int, ...], bad: BadValues, *, missing: bool = False
    ) -> None:
        self._read = read
        self._missing = missing
        self._dtype = dtype
        self._lengths = list(shape)
        """Of each axis; a free one gets the length that is met first."""
        self._declared = shape
        self._bad = bad
        self._flat: list[Any] = []

    def add(self, value: Any, pointer: str) -> None:
        """Read what stands at the pointer."""
        self._descend(value, 0, pointer)

    def array(self, prefix: tuple[int, ...] = ()) -> Array:
        """All that was added, as one array; `prefix` is its shape before the axes of each. Only where nothing was bad."""
        shape = (*prefix, *(0 if length == FREE else length for length in self._lengths))
        dtype = np.dtype(np.object_) if self._missing and None in self._flat else self._dtype
        return np.array(self._flat, dtype).reshape(shape)

    def _descend(self, value: Any, axis: int, pointer: str) -> None:
        if axis == len(self._lengths):
            self._leaf(value, pointer)
        elif type(value) is list:
            self._check_length(len(value), axis, pointer)
            for index, item in enumerate(value):
                self._descend(item, axis + 1, f"{pointer}/{index}")
        else:
            self._bad.add(pointer, f"expected {self._list(axis)}, got {described(value)}")

    def _leaf(self, value: Any, pointer: str) -> None:
        if value is None and self._missing:
            self._flat.append(None)
            return
        try:
            self._flat.append(self._read(value))
        except ValueError as error:
            self._bad.add(pointer, str(error))

    def _check_length(self, length: int, axis: int, pointer: str) -> None:
        expected = self._lengths[axis]
        if expected == FREE:
            self._lengths[axis] = length
        elif length != expected:
            like = " as in the lists before" if self._declared[axis] == FREE else ""
            self._bad.add(pointer, f"expected {counted(expected)}{like}, got {length}")

    def _list(self, axis: int) -> str:
        length = self._lengths[axis]
        return "a list" if length == FREE else f"a list of {counted(length)}"


def counted(values: int) -> str:
    """ "1 value", "2 values"."""
    return "1 value" if values == 1 else f"{values} values"


def fits(found: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether an array of one shape may stand where the other is declared."""
    return len(found) == len(shape) and all(want in (FREE, got) for got, want in zip(found, shape, strict=True))
