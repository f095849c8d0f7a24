"""Values of one datatype as values of another, wherever that loses nothing. Pure."""

from typing import Any

import numpy as np

from modelyard.protocols.values.arrays import NOTHING
from modelyard.protocols.values.datatypes import DATATYPES, EXACT
from modelyard.tensors import DTYPES, Array
from modelyard.text.quoting import described

Converted = tuple[Array, Array | None]
"""The values in the other dtype, and a mask of those that would be other values there; None where there are none."""


def convertible(source: str, target: str) -> bool:
    """Whether values of one datatype may be values of the other: numbers and booleans as numbers, and nothing else."""
    return source == target or (source != "BYTES" and target not in ("BYTES", "BOOL"))


def lossless(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    """Whether the target holds every value of the source."""
    # numpy calls integers of 8 bytes safe as FP64, which has 53 bits for them.
    inexact = source.kind in "iu" and source.itemsize == 8 and target.kind == "f"
    return np.can_cast(source, target, "safe") and not inexact


def converted(values: Array, target: np.dtype[Any], *, rounded: bool = False) -> Converted:
    """Numbers or booleans as this dtype of numbers. With `rounded`, floats may lose digits, but never become infinite.

    Floats become integers as far as FP64 holds every whole number: beyond, one may have been another number before.
    """
    if values.dtype == target:
        return values, None
    if lossless(values.dtype, target):
        return values.astype(target), None
    if target.kind in "iu":
        return _whole(values, target)
    with np.errstate(over="ignore"):
        cast = values.astype(target)
    if values.dtype.kind in "iu":
        return _masked(cast, ~_same_integers(cast, values))
    if rounded:
        return _masked(cast, np.isinf(cast) & ~np.isinf(values))
    return _masked(cast, (cast.astype(values.dtype) != values) & ~np.isnan(values))


def converted_with_missing(
    values: Array, source: str, target: str, *, missing: bool, rounded: bool = False
) -> Converted:
    """The same by datatypes, for an input that takes missing values or not (`missing`).

    `values` may have dtype object and None for what is missing. That is NaN among floats; for an input that takes missing
    values, NaN among floats is None.
    """
    if source == target:
        return values, None
    dtype = DTYPES[target]
    if values.dtype.kind == "O":
        gone = np.equal(values, NOTHING).astype(np.bool_)
    elif missing and values.dtype.kind == "f" and dtype.kind in "iu":
        gone = np.isnan(values)
    else:
        return converted(values, dtype, rounded=rounded)
    known = np.where(gone, 0, values).astype(DTYPES[source])
    cast, wrong = converted(known, dtype, rounded=rounded)
    if gone.any():
        cast = cast.astype(dtype if dtype.kind == "f" else np.object_)
        cast[gone] = np.nan if dtype.kind == "f" else None
    return cast, wrong


def complaint(value: Any, datatype: str) -> str:
    """What is said of a value that is not one of this datatype."""
    try:
        DATATYPES[datatype].read(value)
    except ValueError as error:
        return str(error)
    return f"expected a number that {datatype} holds exactly, got {described(value)}"


def first(wrong: Array, values: Array, datatype: str) -> str:
    """What is said of the first value that would be another one, and where it is."""
    place = tuple(int(axis[0]) for axis in wrong.nonzero())
    return f"{complaint(values[place].item(), datatype)} at {list(place)}"


def _whole(values: Array, target: np.dtype[Any]) -> Converted:
    limits = np.iinfo(target)
    if values.dtype.kind == "f":
        wide = values.astype(np.float64)
        fits = (np.abs(wide) <= EXACT) & (np.trunc(wide) == wide)
        fits &= (wide >= float(limits.min)) & (wide <= float(limits.max))
    else:
        fits = (values >= int(limits.min)) & (values <= int(limits.max))
    return _masked(np.where(fits, values, values.dtype.type(0)).astype(target), ~fits)


def _same_integers(cast: Array, values: Array) -> Array:
    """Which floats are the integers that they were made of. No float is cast that the integers' dtype does not hold."""
    limits = np.iinfo(values.dtype)
    wide = cast.astype(np.float64)
    inside: Array = (wide >= float(limits.min)) & (wide < float(int(limits.max) + 1))
    inside &= np.where(inside, wide, 0).astype(values.dtype) == values
    return inside


def _masked(cast: Array, wrong: Array) -> Converted:
    return cast, wrong if wrong.any() else None
