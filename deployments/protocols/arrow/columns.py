"""A column's values to those of a model's datatype, as strictly as JSON's: see `values`, whose words are used for what is bad."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from deployments.protocols.arrow.arrays import Kind
from deployments.protocols.bad_values import BadValues, described
from deployments.protocols.values import DATATYPES, EXACT, Read
from deployments.tensors import DTYPES, Array

KINDS: Mapping[str, Kind] = {"BOOL": "flags", "BYTES": "texts"}
"""By datatype; the others are numbers."""


@dataclass(frozen=True, slots=True)
class Column:
    """All batches of one column."""

    kind: Kind
    type: str
    """As Arrow calls it."""
    values: Array
    """(rows, ...)"""
    missing: Array
    """Of the same shape; where it is true the value says nothing."""

    def converted(self, datatype: str, pointer: str, bad: BadValues) -> Array:
        """As an array of this datatype; nobody may use it where something bad was added."""
        wanted = KINDS.get(datatype, "numbers")
        if self.kind not in (wanted, "nothing"):
            bad.add(pointer, f"expected a column of {wanted} ({datatype}), got one of {self.type}")
            return self.values
        target = DTYPES[datatype]
        cast, wrong = _cast(self.values, target)
        if target.kind == "f":
            cast[self.missing] = np.nan
            wrong &= ~self.missing
        else:
            wrong |= self.missing
        read = DATATYPES[datatype].read
        for place in zip(*(axis.tolist() for axis in wrong.nonzero()), strict=True):
            value = None if self.missing[place] else self.values[place].item()
            bad.add("/".join((pointer, *map(str, place))), _complaint(read, value, datatype))
        return cast


def _cast(values: Array, target: np.dtype[Any]) -> tuple[Array, Array]:
    """The values as this dtype, in memory of their own, and which of them it does not hold."""
    if target.kind in "iu" and values.dtype.kind in "iuf":
        limits = np.iinfo(target)
        fits = (values >= int(limits.min)) & (values <= int(limits.max))
        if values.dtype.kind == "f":
            fits &= (np.abs(values) <= EXACT) & (np.trunc(values) == values)
        return np.where(fits, values, values.dtype.type(0)).astype(target), ~fits
    with np.errstate(over="ignore"):
        cast = values.astype(target)
    wrong = np.isinf(cast) & ~np.isinf(values) if target.kind == "f" else np.zeros(values.shape, np.bool_)
    return cast, wrong


def _complaint(read: Read, value: Any, datatype: str) -> str:
    try:
        read(value)
    except ValueError as error:
        return str(error)
    return f"expected a value of {datatype}, got {described(value)}"
