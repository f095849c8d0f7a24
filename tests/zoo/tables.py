"""Tables that models are fitted with, and their rows.

A row is a tuple with a JSON value for each column: a number, true or false, a text, or None where the value is missing. `Table.x`
converts rows to the model's input: a data frame or an array of the types of the fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

Kind = Literal["float64", "float32", "int64", "bool", "text", "whole category", "prose", "tensor"]
Form = Literal["frame", "numbered frame", "array", "texts", "tensors"]
Reading = Literal["fitted", "NaN", "None", "objects", "categories"]
"""How to read values that a data frame like the fitted one can hold in several ways: as pandas does, as objects with a gap, or as
the request's own categories."""
READINGS: tuple[Reading, ...] = ("NaN", "None", "objects", "categories")
NULLABLE = ("Int64", "boolean")
Row = tuple[Any, ...]
Rows = Sequence[Row]

NUMERIC: tuple[Kind, ...] = ("float64", "float32", "int64", "bool")
CATEGORICAL: tuple[Kind, ...] = ("text", "whole category")


@dataclass(frozen=True)
class Column:
    """One column of a table, as in the fit."""

    name: str
    kind: Kind
    values: tuple[Any, ...]
    stored: str
    """Its dtype in a data frame without missing values."""
    gap: Any
    """The missing value: NaN, None or pandas.NA."""

    @property
    def has_gaps(self) -> bool:
        """Whether a value was missing at the fit."""
        return None in self.values

    @property
    def known(self) -> list[Any]:
        """The values of the fit, each once."""
        return list(dict.fromkeys(value for value in self.values if value is not None))

    @property
    def defines_gap(self) -> bool:
        """Whether the fit determines the missing value: for floats it is always NaN, and an estimator of numbers stores no trace of
        a None among booleans."""
        return self.stored not in NULLABLE and (
            self.stored in ("float64", "float32") or (self.has_gaps and self.kind not in NUMERIC)
        )

    def gap_of(self, reading: Reading) -> Any:
        """The missing value in this reading."""
        return self.gap if reading == "fitted" or self.defines_gap else None if reading == "None" else np.nan

    def is_unambiguous(self, value: Any) -> bool:
        """Whether a data frame like the fitted one can hold the value in only one way."""
        if value is None:
            return self.defines_gap
        return self.stored != "category" or value in self.known

    def series(self, values: Sequence[Any], reading: Reading = "fitted") -> Any:
        """These values as a column like the fitted one."""
        gap = self.gap_of(reading)
        filled = [gap if value is None else value for value in values]
        gapped = any(value is None for value in values)
        if reading == "categories" and self.stored == "category":
            return pd.Series(pd.Categorical(values))
        if reading != "fitted" and not all(map(self.is_unambiguous, values)):
            return pd.Series(filled, dtype="float64" if self.kind in NUMERIC and reading == "NaN" else object)
        match self.stored:
            case "float64" | "float32":
                return pd.Series([np.nan if value is None else value for value in values], dtype=self.stored)
            case "int64" if gapped:  # pandas reads such a column as floats
                return pd.Series([np.nan if value is None else value for value in values], dtype="float64")
            case "bool" if gapped:
                return pd.Series(filled, dtype=object)
            case "category":
                known = sorted(self.known)
                present = [value if value in known else None for value in values]
                return pd.Series(pd.Categorical(present, categories=known))
            case "object":
                return pd.Series(filled, dtype=object)
            case _:
                return pd.Series(values, dtype=self.stored)


@dataclass(frozen=True)
class Table:
    """The table that a model is fitted with."""

    columns: tuple[Column, ...]
    form: Form
    dtype: str = "float64"
    """Of an array."""

    @property
    def rows(self) -> list[Row]:
        return list(zip(*(column.values for column in self.columns), strict=True))

    @property
    def named(self) -> bool:
        return self.form == "frame"

    def x(self, rows: Rows, reading: Reading = "fitted") -> Any:
        """The rows in the form of the fit: a data frame, an array, or an array of texts."""
        columns = list(zip(*rows, strict=True))
        if self.form == "texts":
            return np.array(columns[0], dtype=object)
        if self.form == "array":
            gaps = [column.gap_of(reading) for column in self.columns]
            cells = [[gap if value is None else value for gap, value in zip(gaps, row, strict=True)] for row in rows]
            gapped = any(value is None for row in rows for value in row)
            array = np.empty(
                (len(rows), len(self.columns)), "float64" if gapped and self.dtype == "int64" else self.dtype
            )
            array[:] = cells
            return array
        if (
            self.form == "numbered frame" and reading == "objects"
        ):  # the model does not store whether it was fitted with a frame
            return np.array([[np.nan if value is None else value for value in row] for row in rows], object)
        names = [column.name for column in self.columns] if self.named else range(len(self.columns))
        series = [column.series(values, reading) for column, values in zip(self.columns, columns, strict=True)]
        return pd.concat(series, axis=1, keys=list(names))

    def is_unambiguous(self, rows: Rows) -> bool:
        """Whether a data frame like the fitted one can hold each value in only one way.

        Rows are ambiguous if a value is missing in a column without missing values in the fit, or is not one of its column's
        categories. Then the model's output for any reading is right, and so is a rejection. A frame without names may have been an
        array, in which a missing number is an object.
        """
        if self.form == "numbered frame" and any(None in row for row in rows):
            return False
        return all(
            column.is_unambiguous(value) for row in rows for column, value in zip(self.columns, row, strict=True)
        )

    def of(self, *kinds: Kind) -> list[int]:
        """The indices of the columns of these kinds."""
        return [place for place, column in enumerate(self.columns) if column.kind in kinds]
