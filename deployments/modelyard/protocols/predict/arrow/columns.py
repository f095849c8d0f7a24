"""Converts a column to a model's datatype if no value changes. Floats may lose digits, as those of JSON do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.protocols.predict.arrow.arrays import Kind
from modelyard.protocols.values.arrays import MISSING_VALUE
from modelyard.protocols.values.bad_values import BadValues
from modelyard.protocols.values.conversion import convert, mismatch_message
from modelyard.protocols.values.row_layout import Feature
from modelyard.tensors import DTYPES, Array

KINDS: Mapping[str, Sequence[Kind]] = {"BOOL": ("booleans",), "BYTES": ("strings",)}
"""The kinds of values that a column of each datatype may have."""
NUMBERS: Sequence[Kind] = ("numbers", "booleans")
"""The same for the other datatypes."""


@dataclass(frozen=True, slots=True)
class Column:
    """All batches of one column."""

    kind: Kind
    type: str
    """Its name in Arrow."""
    values: Array
    """(rows, ...)"""
    missing: Array
    """A mask of the same shape. Missing values are arbitrary."""

    def converted(self, feature: Feature, pointer: str, bad: BadValues) -> Array:
        """The values in the feature's datatype; valid only if no bad value was added.

        A missing value is NaN among floats, and None if the feature may have missing values.
        """
        kinds = KINDS.get(feature.datatype, NUMBERS)
        if self.kind not in (*kinds, "nulls"):
            bad.add(pointer, f"expected a column of {kinds[0]} ({feature.datatype}), got one of {self.type}")
            return self.values
        target = DTYPES[feature.datatype]
        wrong: Array | None = None
        if target.kind == "O":
            cast = _as_text(self.values)
        elif target.kind == "b":
            cast = self.values.astype(target)
        else:
            cast, wrong = convert(self.values, target, rounded=True)
        if self.missing.any():
            wrong = None if wrong is None else wrong & ~self.missing
            if target.kind == "f":
                cast = np.where(self.missing, target.type(np.nan), cast)
            elif feature.missing:
                cast = np.where(self.missing, MISSING_VALUE, cast.astype(np.object_))
            else:
                wrong = self.missing if wrong is None else wrong | self.missing
        if wrong is not None:
            self._report(wrong, feature.datatype, pointer, bad)
        return cast

    def _report(self, wrong: Array, datatype: str, pointer: str, bad: BadValues) -> None:
        for index in zip(*(axis.tolist() for axis in wrong.nonzero()), strict=True):
            value = None if self.missing[index] else self.values[index].item()
            bad.add("/".join((pointer, *map(str, index))), mismatch_message(value, datatype))


def _as_text(values: Array) -> Array:
    """Decodes bytes if all of them are UTF-8."""
    flat = values.ravel().tolist()
    if bytes not in set(map(type, flat)):
        return values
    try:
        strings = [value.decode() if type(value) is bytes else value for value in flat]
    except UnicodeDecodeError:
        return values
    array = np.empty(len(strings), np.object_)
    array[:] = strings
    return array.reshape(values.shape)
