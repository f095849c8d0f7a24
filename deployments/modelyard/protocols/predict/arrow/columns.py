"""A column's values to those of a model's datatype, where that changes none; floats may lose digits, as those of JSON do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.protocols.predict.arrow.arrays import Kind
from modelyard.protocols.values.arrays import NOTHING
from modelyard.protocols.values.bad_values import BadValues
from modelyard.protocols.values.conversion import complaint, converted
from modelyard.protocols.values.row_layout import Cell
from modelyard.tensors import DTYPES, Array

KINDS: Mapping[str, Sequence[Kind]] = {"BOOL": ("flags",), "BYTES": ("texts",)}
"""What a column of each datatype may be of."""
NUMBERS: Sequence[Kind] = ("numbers", "flags")
"""The same for the other datatypes."""


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

    def converted(self, cell: Cell, pointer: str, bad: BadValues) -> Array:
        """As an array of the cell's datatype; nobody may use it where something bad was added.

        A missing value is NaN among floats, and None where the cell's value may be missing.
        """
        wanted = KINDS.get(cell.datatype, NUMBERS)
        if self.kind not in (*wanted, "nothing"):
            bad.add(pointer, f"expected a column of {wanted[0]} ({cell.datatype}), got one of {self.type}")
            return self.values
        target = DTYPES[cell.datatype]
        wrong: Array | None = None
        if target.kind == "O":
            cast = _as_text(self.values)
        elif target.kind == "b":
            cast = self.values.astype(target)
        else:
            cast, wrong = converted(self.values, target, rounded=True)
        if self.missing.any():
            wrong = None if wrong is None else wrong & ~self.missing
            if target.kind == "f":
                cast = np.where(self.missing, target.type(np.nan), cast)
            elif cell.missing:
                cast = np.where(self.missing, NOTHING, cast.astype(np.object_))
            else:
                wrong = self.missing if wrong is None else wrong | self.missing
        if wrong is not None:
            self._tell(wrong, cell.datatype, pointer, bad)
        return cast

    def _tell(self, wrong: Array, datatype: str, pointer: str, bad: BadValues) -> None:
        for place in zip(*(axis.tolist() for axis in wrong.nonzero()), strict=True):
            value = None if self.missing[place] else self.values[place].item()
            bad.add("/".join((pointer, *map(str, place))), complaint(value, datatype))


def _as_text(values: Array) -> Array:
    """Bytes are text where all of them are UTF-8."""
    flat = values.ravel().tolist()
    if bytes not in set(map(type, flat)):
        return values
    try:
        known = [value.decode() if type(value) is bytes else value for value in flat]
    except UnicodeDecodeError:
        return values
    array = np.empty(len(known), np.object_)
    array[:] = known
    return array.reshape(values.shape)
