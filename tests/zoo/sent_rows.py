"""Rows in the forms that clients send: by the served signature, or as the table of the fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.protocols.values.row_layout import has_columns, layout_by_column
from modelyard.tensors import DTYPES, Array, Signature, TensorSpec
from tests.zoo.tables import Rows, Table

NATURAL = {
    "float64": "FP64",
    "float32": "FP32",
    "int64": "INT64",
    "bool": "BOOL",
    "text": "BYTES",
    "whole category": "INT64",
    "prose": "BYTES",
}
"""The datatype that a client uses for a column of each kind if it goes by its own data, not by a signature."""


class CannotCarry(Exception):
    """The form cannot encode these rows."""


@dataclass(frozen=True)
class Sent:
    """Some rows for one model."""

    signature: Signature
    table: Table
    rows: Rows
    whole: bool = False

    @property
    def names(self) -> list[str]:
        """Of the table's columns; x0, x1, ... if it has none; the name of the input if there is only one column."""
        columns = self.table.columns
        if len(columns) == 1 and not self.table.named and len(self.signature.inputs) == 1:
            return [self.signature.inputs[0].name]
        return [
            column.name if self.table.form != "numbered frame" else f"x{place}" for place, column in enumerate(columns)
        ]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The table's values by the names of its columns."""
        return {name: [row[place] for row in self.rows] for place, name in enumerate(self.names)}

    def cells(self) -> list[str]:
        """The names of the parts of a row, as the signature has them."""
        return [cell.name for cell in layout_by_column(self.signature).features]

    def by_cell(self) -> list[dict[str, Any]]:
        """Each row as an object with only what the signature names."""
        columns = {name: self._cell(name) for name in self.cells()}
        return [{name: values[index] for name, values in columns.items()} for index in range(len(self.rows))]

    def as_fitted(self) -> list[dict[str, Any]]:
        """Each row as an object with every column of the fit."""
        if self.table.form == "texts" or not set(self.cells()) <= set(self.names):
            raise CannotCarry("its values have no names")
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]

    def array(self, spec: TensorSpec) -> Array:
        """An input as its signature declares it. Raises CannotCarry for values outside the datatype."""
        if has_columns(spec) or (len(spec.shape) == 2 and spec.name not in self.columns):
            columns = [self._cell(name) for name in spec.columns] if spec.columns else list(self.columns.values())
            return np.stack([typed(values, spec.datatype) for values in columns], axis=1)
        values = self._cell(spec.name)
        array = typed(values[0] if self.whole else values, spec.datatype)
        return array.reshape(-1, 1) if spec.shape[1:] == (1,) and array.ndim == 1 and not self.whole else array

    def _cell(self, name: str) -> list[Any]:
        columns = self.columns
        if name in columns:
            return columns[name]
        if name == "text" and self.table.form == "texts":
            return next(iter(columns.values()))
        if name in [spec.name for spec in self.signature.inputs] and len(self.signature.inputs) == 1:
            return [list(row) if len(row) > 1 else row[0] for row in self.rows]
        raise CannotCarry(f"the signature names {name!r}, which no column is called")


def typed(values: Any, datatype: str) -> Array:
    """Values as an array of a datatype. Raises CannotCarry for a value outside it."""
    if isinstance(values, np.ndarray):
        return values.astype(DTYPES[datatype])
    flat = np.array(values, object)
    if datatype.startswith("FP"):
        if any(isinstance(value, str) for value in flat.ravel()):
            raise CannotCarry("a text is no number")
        return np.array(np.where(flat == None, np.nan, flat), DTYPES[datatype])  # noqa: E711 - elementwise
    if any(value is None for value in flat.ravel()):
        raise CannotCarry(f"{datatype} has no missing value")
    if datatype == "BYTES":
        if not all(isinstance(value, str) for value in flat.ravel()):
            raise CannotCarry("a number is no text")
        return flat
    if any(isinstance(value, str) or value != int(value) for value in flat.ravel()):
        raise CannotCarry(f"a value is no {datatype}")
    array = np.array(flat, DTYPES[datatype])
    if not np.array_equal(array, flat):
        raise CannotCarry(f"a value is no {datatype}")
    return array


def natural(table: Table, place: int) -> str:
    """The datatype of a column for a client that goes by its own data."""
    column = table.columns[place]
    return column.stored if column.kind == "tensor" else NATURAL[column.kind]


def nested(value: Any) -> Any:
    """A cell for JSON."""
    if isinstance(value, np.ndarray):
        return [nested(item) for item in value] if value.ndim else nested(value[()])
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        if np.isnan(value):
            return None
        raise CannotCarry("JSON has no infinity")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [nested(item) for item in value]
    return value
