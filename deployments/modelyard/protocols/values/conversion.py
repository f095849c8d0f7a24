"""Lossless conversion of values between datatypes."""

from typing import Any

import numpy as np

from modelyard.protocols.values.arrays import MISSING_VALUE
from modelyard.protocols.values.datatypes import DATATYPES, MAX_EXACT_INTEGER
from modelyard.tensors import DTYPES, Array
from modelyard.text.quoting import described

Converted = tuple[Array, Array | None]
"""The values in the target dtype, and a mask of those that it cannot represent; None if it represents all."""


def convertible(source: str, target: str) -> bool:
    """Whether the datatypes are the same, or the source holds numbers or booleans and the target numbers."""
    return source == target or (source != "BYTES" and target not in ("BYTES", "BOOL"))


def lossless(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    """Whether the target represents every value of the source."""
    # numpy calls 8-byte integers safe as FP64, which has only 53 bits for them.
    inexact = source.kind in "iu" and source.itemsize == 8 and target.kind == "f"
    return np.can_cast(source, target, "safe") and not inexact


def convert(values: Array, target: np.dtype[Any], *, rounded: bool = False) -> Converted:
    """Convert numbers or booleans to a dtype of numbers. With `rounded`, floats may lose digits, but not become infinite.

    Floats become integers only up to MAX_EXACT_INTEGER: a larger float may stand for several integers.
    """
    if values.dtype == target:
        return values, None
    if lossless(values.dtype, target):
        return values.astype(target), None
    if target.kind in "iu":
        return _to_integers(values, target)
    with np.errstate(over="ignore"):
        cast = values.astype(target)
    if values.dtype.kind in "iu":
        return _masked(cast, ~_same_integers(cast, values))
    if rounded:
        return _masked(cast, np.isinf(cast) & ~np.isinf(values))
    return _masked(cast, (cast.astype(values.dtype) != values) & ~np.isnan(values))


def convert_with_missing(values: Array, source: str, target: str, *, missing: bool, rounded: bool = False) -> Converted:
    """Convert between datatypes, for an input that may have missing values (`missing`) or not.

    `values` of dtype object has None for missing values. If the target is floating, None becomes NaN. If the target is an
    integer type and the input may have missing values, NaN becomes None.
    """
    if source == target:
        return values, None
    dtype = DTYPES[target]
    if values.dtype.kind == "O":
        absent = np.equal(values, MISSING_VALUE).astype(np.bool_)
    elif missing and values.dtype.kind == "f" and dtype.kind in "iu":
        absent = np.isnan(values)
    else:
        return convert(values, dtype, rounded=rounded)
    known = np.where(absent, 0, values).astype(DTYPES[source])
    cast, wrong = convert(known, dtype, rounded=rounded)
    if absent.any():
        cast = cast.astype(dtype if dtype.kind == "f" else np.object_)
        cast[absent] = np.nan if dtype.kind == "f" else None
    return cast, wrong


def mismatch_message(value: Any, datatype: str) -> str:
    """The error text for a value that the datatype cannot represent."""
    try:
        DATATYPES[datatype].read(value)
    except ValueError as error:
        return str(error)
    return f"expected a number that {datatype} holds exactly, got {described(value)}"


def first_mismatch_message(wrong: Array, values: Array, datatype: str) -> str:
    """The error text for the first value in the mask, with its index."""
    index = tuple(int(axis[0]) for axis in wrong.nonzero())
    return f"{mismatch_message(values[index].item(), datatype)} at {list(index)}"


def _to_integers(values: Array, target: np.dtype[Any]) -> Converted:
    limits = np.iinfo(target)
    if values.dtype.kind == "f":
        wide = values.astype(np.float64)
        fits = (np.abs(wide) <= MAX_EXACT_INTEGER) & (np.trunc(wide) == wide)
        fits &= (wide >= float(limits.min)) & (wide <= float(limits.max))
    else:
        fits = (values >= int(limits.min)) & (values <= int(limits.max))
    return _masked(np.where(fits, values, values.dtype.type(0)).astype(target), ~fits)


def _same_integers(cast: Array, values: Array) -> Array:
    """Which floats equal the integers that they were made of. Only floats within the integers' range are cast back."""
    limits = np.iinfo(values.dtype)
    wide = cast.astype(np.float64)
    inside: Array = (wide >= float(limits.min)) & (wide < float(int(limits.max) + 1))
    inside &= np.where(inside, wide, 0).astype(values.dtype) == values
    return inside


def _masked(cast: Array, wrong: Array) -> Converted:
    return cast, wrong if wrong.any() else None
