"""The table that a fitted estimator reads: its columns, and their form in a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.tensors import FREE, TensorSpec

UNKNOWN = ""
"""The datatype of a column that only code outside scikit-learn reads."""
DATETIME = "DATETIME"
"""The datatype of dates. Requests contain them as ISO 8601 text."""
NOT_MISSING: Any = object()
"""The value of `Column.missing` if the model accepts no missing values."""
FLOATS = ("FP64", "FP32")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the fit."""

    name: str
    datatype: str = UNKNOWN
    """A key of DTYPES, DATETIME or UNKNOWN."""
    is_read: bool = True
    """Whether anything in the model reads it."""
    categories: tuple[Any, ...] = ()
    """The values that the model knows, without missing ones; empty if it accepts any."""
    is_object: bool = False
    """Whether the model was fitted with it as Python objects, which an encoder does not match with numpy numbers."""
    is_category: bool = False
    """Whether it was of pandas' dtype `category`, with these categories in this order."""
    missing: Any = NOT_MISSING
    """The missing value in the model's table: NaN or None."""

    @property
    def wire(self) -> str:
        """The datatype in requests."""
        return "BYTES" if self.datatype == DATETIME else self.datatype


@dataclass(frozen=True, slots=True)
class Table:
    """All columns, in the order of the fit."""

    columns: tuple[Column, ...]
    is_frame: bool
    """Whether the model was fitted with a data frame, whose columns have names. Otherwise they are x0, x1, ..., as in
    scikit-learn."""
    read: tuple[Column, ...] = field(init=False)
    """The columns that the model reads."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", tuple(column for column in self.columns if column.is_read))

    def changed(self, columns: Mapping[str, Column]) -> "Table":
        """The table with these columns, by name, in place of the current ones."""
        return Table(tuple(columns.get(column.name, column) for column in self.columns), self.is_frame)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns."""
        return tuple(column.name for column in self.columns)

    @property
    def is_plain(self) -> bool:
        """Whether it contains only numbers of one precision. Then there is one input, in which each row is a list."""
        return len(self.read) == len(self.columns) and self.columns[0].datatype in FLOATS and self.is_uniform

    @property
    def is_uniform(self) -> bool:
        """Whether all columns that are read have the same datatype, and none is a category."""
        return len({column.datatype for column in self.read}) == 1 and not any(c.is_category for c in self.read)

    @property
    def is_numbered(self) -> bool:
        """Whether the model was fitted with a data frame without column names: the frame holds numbers of their own types next to
        objects, which an array cannot."""
        if self.is_frame or not self.holds_objects:
            return False
        own = (column for column in self.read if column.wire != "BYTES" and not column.is_object)
        return any(column.datatype == "FP32" or column.categories for column in own)

    @property
    def holds_objects(self) -> bool:
        """Whether an array of its columns has dtype object."""
        return any(column.wire == "BYTES" or column.is_object for column in self.read)


def inputs_of(table: Table | None) -> tuple[TensorSpec, ...]:
    """One input for texts (None); one for a table of plain numbers; else one for each column that is read."""
    if table is None:
        return (TensorSpec("text", "BYTES", (FREE,)),)
    if table.is_plain:
        names = table.names if table.is_frame else ()
        return (TensorSpec("x", table.columns[0].datatype, (FREE, len(table.columns)), names),)
    return tuple(
        TensorSpec(
            column.name,
            column.wire,
            (FREE,),
            missing=column.missing is not NOT_MISSING and column.datatype not in FLOATS,
        )
        for column in table.read
    )


def single_precision(table: Table) -> Table:
    """The table with FP32 instead of FP64: some models that were fitted with one precision fail with the other."""
    columns = (replace(each, datatype="FP32") if each.datatype == "FP64" else each for each in table.columns)
    return Table(tuple(columns), table.is_frame)


def fitted_columns(table: Table | None) -> tuple[str, ...]:
    """The names of all columns, if requests may contain some that are not read; else ()."""
    return table.names if table is not None and len(table.read) < len(table.columns) else ()
