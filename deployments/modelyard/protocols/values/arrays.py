"""Parses nested JSON lists into one array: in one step if all values are valid, else value by value to report each bad one."""

import struct
from collections.abc import Sequence
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np

from modelyard.protocols.values.bad_values import BadValues
from modelyard.protocols.values.datatypes import DATATYPES, ReadValue
from modelyard.protocols.values.packing import PACKABLE_KINDS, is_large, packed
from modelyard.tensors import FREE, Array
from modelyard.text.quoting import described

MAX_SUMMED_IN_PYTHON = 64
"""Python sums so few values faster than numpy checks them for infinity."""

MISSING_VALUE = np.array(None, np.object_)
"""A missing value in an array of dtype object."""

_flattened = chain.from_iterable


class ArrayReader:
    """Reads arrays of one datatype and shape. An axis of any length is FREE.

    With `missing`, null becomes None in an array of dtype object. Among floats, null becomes NaN.
    """

    def __init__(self, datatype: str, shape: tuple[int, ...], *, missing: bool) -> None:
        self.shape = shape
        self._datatype = DATATYPES[datatype]
        self._missing = missing and self._datatype.dtype.kind != "f"
        self._fast_types, self._dtype = self._datatype.fast_types, self._datatype.dtype
        self._may_overflow = self._datatype.may_overflow
        self._packable = bool(shape) and self._dtype.kind in PACKABLE_KINDS
        self._axes = len(shape)
        self._nested = range(len(shape) - 1)
        self._inner_shape = shape[1:]
        self._any_length = shape[:1] == (FREE,)
        """Whether the first axis may have any length."""

    def parse_fast(self, values: Any) -> Array | None:
        """The array, or None if only the checked parser can tell whether the values are valid.

        An array that is returned equals that of the checked parser.
        """
        try:
            large = self._packable and is_large(values, self._axes)
            array = packed(values, self._axes, self._dtype) if large else None
        except (LookupError, OverflowError, TypeError, struct.error):
            array = None
        if array is None:
            array = self._converted(values)
        if array is None:
            return None
        shape = array.shape
        if not (shape and self._any_length and shape[1:] == self._inner_shape) and not shape_matches(shape, self.shape):
            return None
        # JSON has no infinity. A number that becomes infinite in a narrower type is no error for struct and numpy.
        return None if self._may_overflow and _has_infinity(array) else array

    def checked_parser(self, bad: BadValues) -> "CheckedParser":
        """A parser that reports each bad value."""
        return CheckedParser(self._datatype.read, self._dtype, self.shape, bad, missing=self._missing)

    def _converted(self, values: Any) -> Array | None:
        """The array of any values of this datatype.

        numpy would convert "1" to 1.0, so the types of all values are checked first.
        """
        flat = values if self.shape else (values,)
        try:
            for _ in self._nested:
                flat = _flattened(flat)
            if self._fast_types.issuperset(map(type, flat)):
                return np.asarray(values, self._dtype)
            return self._with_missing(values) if self._missing else None
        except (TypeError, ValueError, OverflowError, RuntimeWarning):  # RuntimeWarning if warnings are errors
            return None

    def _with_missing(self, values: Any) -> Array:
        """The array with None for missing values. Raises ValueError if a value has another type."""
        array = np.asarray(values, np.object_)
        present = np.not_equal(array, MISSING_VALUE).astype(np.bool_)
        known = array[present].tolist()
        if not self._fast_types.issuperset(map(type, known)):
            raise ValueError(values)
        array[present] = np.asarray(known, self._dtype).astype(np.object_)
        return array


def _has_infinity(array: Array) -> bool:
    if array.size <= MAX_SUMMED_IN_PYTHON and isfinite(sum(array.ravel().tolist())):
        return False
    return bool(np.isinf(array).any())


class CheckedParser:
    """Parses value by value. Add one whole array, or several of the same shape one after the other."""

    def __init__(
        self, read: ReadValue, dtype: np.dtype[Any], shape: tuple[int, ...], bad: BadValues, *, missing: bool
    ) -> None:
        self._read = read
        self._missing = missing
        self._dtype = dtype
        self._lengths = list(shape)
        """The length of each axis. A FREE axis gets the length of the first list."""
        self._declared = shape
        self._bad = bad
        self._flat: list[Any] = []

    def add(self, value: Any, pointer: str) -> None:
        """Parse the value at this pointer."""
        self._descend(value, 0, pointer)

    def array(self, prefix: tuple[int, ...] = ()) -> Array:
        """All added values as one array; `prefix` is the shape before the axes of each. Valid only if no bad value was found."""
        shape = (*prefix, *(0 if length == FREE else length for length in self._lengths))
        dtype = np.dtype(np.object_) if self._missing and None in self._flat else self._dtype
        return np.array(self._flat, dtype).reshape(shape)

    def _descend(self, value: Any, axis: int, pointer: str) -> None:
        if axis == len(self._lengths):
            self._add_value(value, pointer)
        elif type(value) is list:
            self._check_length(len(value), axis, pointer)
            for index, item in enumerate(value):
                self._descend(item, axis + 1, f"{pointer}/{index}")
        else:
            self._bad.add(pointer, f"expected {self._expected_list(axis)}, got {described(value)}")

    def _add_value(self, value: Any, pointer: str) -> None:
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
            self._bad.add(pointer, f"expected {value_count(expected)}{like}, got {length}")

    def _expected_list(self, axis: int) -> str:
        length = self._lengths[axis]
        return "a list" if length == FREE else f"a list of {value_count(length)}"


def value_count(values: int) -> str:
    """ "1 value", "2 values"."""
    return "1 value" if values == 1 else f"{values} values"


def shape_matches(found: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether an array of shape `found` is valid for the declared shape."""
    return len(found) == len(shape) and all(want in (FREE, got) for got, want in zip(found, shape, strict=True))
