"""Reads the rows of a request: lists, objects by name, scalars, and tables whose columns are named once."""

from collections.abc import Collection, Sequence
from typing import Any

from modelyard.protocols.predict.row_formats import ListRows, ObjectRows, RowPointer, SingleInputRows, read_rows
from modelyard.protocols.values.bad_values import BadValues, invalid_value
from modelyard.protocols.values.datatypes import BASE64_KEY
from modelyard.protocols.values.row_layout import RowLayout, layout_by_column, layout_by_input, row_count
from modelyard.tensors import FREE, Signature, Tensors
from modelyard.text.quoting import described, escaped, quoted

MAX_ROWS = 100_000
"""Rows in one request. Its response is encoded in one step, which blocks the event loop."""


class RowReader:
    """Reads the rows of one model."""

    def __init__(self, signature: Signature, *, max_rows: int) -> None:
        self.layout = layout_by_column(signature)
        self._required = self.layout.present(())
        """The layout of a row without optional features."""
        self._by_input = layout_by_input(signature)
        self._positions = self.layout.positions(signature.fitted)
        """The index of each feature in a row of all columns that the model was fitted with; () if no such row is possible."""
        self._fitted = len(signature.fitted) if self._positions else 0
        self._fitted_names = signature.fitted
        self._count = row_count(signature)
        self.max_rows = max_rows

    def instances(self, rows: Any, pointer: str = "/instances") -> Tensors:
        """Read rows that are lists, objects, or scalars if a row is one value. `pointer` points to the list of rows."""
        self.check_rows(rows, pointer)
        row_pointer = f"{pointer}/{{}}".format
        if type(rows[0]) is dict and not self._is_bytes(rows[0]):
            return self._objects(rows, row_pointer)
        return self.lists(rows, row_pointer)

    def records(self, rows: Any) -> Tensors:
        """Read rows that are objects."""
        self.check_rows(rows, "/dataframe_records")
        return self._objects(rows, "/dataframe_records/{}".format)

    def split(self, table: Any) -> Tensors:
        """Read a table in the format of `pandas.DataFrame.to_dict("split")`."""
        pointer = "/dataframe_split"
        bad = BadValues()
        if type(table) is not dict:
            raise invalid_value(pointer, f'expected an object with "columns" and "data", got {described(table)}')
        for name in table:
            if name not in ("columns", "data", "index"):
                bad.add_unknown(f"{pointer}/{escaped(name)}", "member", name, ("columns", "data", "index"))
        for name in ("columns", "data"):
            if type(table.get(name)) is not list:
                got = described(table[name]) if name in table else "nothing"
                bad.add(f"{pointer}/{name}", f"expected a list, got {got}")
        bad.raise_if_any()
        columns, rows = table["columns"], table["data"]
        self.check_rows(rows, f"{pointer}/data")
        row_pointer = f"{pointer}/data/{{}}".format
        if self.layout.unnamed:
            return self.lists(rows, row_pointer)
        suffixes = [f"/{index}" for index in range(len(columns))]
        return self.table(columns, f"{pointer}/columns", rows, row_pointer, suffixes)

    def lists(self, rows: Sequence[Any], row_pointer: RowPointer) -> Tensors:
        """Read rows in the order of the features, or of all columns that the model was fitted with."""
        if self._positions and type(rows[0]) is list and len(rows[0]) == self._fitted:
            return self.fitted_rows(rows, row_pointer)
        layout, short = self.layout, self._required
        if short is not layout and type(rows[0]) is list and len(rows[0]) == len(short.features):
            layout = short
        if len(layout.inputs) == 1:
            [only] = layout.inputs
            array = only.all_rows.parse_fast(rows)
            if array is not None:
                return {only.name: array}
        if len(layout.features) == 1:
            return read_rows(SingleInputRows(layout, rows, row_pointer))
        order = list(range(len(layout.features)))
        return read_rows(ListRows(layout, rows, row_pointer, order, [f"/{index}" for index in order]))

    def feature_names(self, width: int) -> list[str]:
        """The names of the values of a row with `width` values. The list has another length if no row has that width."""
        if self._positions and width == self._fitted:
            return list(self._fitted_names)
        layout = self._required if width == len(self._required.features) else self.layout
        return [feature.name for feature in layout.features]

    def fitted_rows(self, rows: Sequence[Any], row_pointer: RowPointer) -> Tensors:
        """Read rows with all columns that the model was fitted with, in that order."""
        suffixes = [f"/{index}" for index in range(self._fitted)]
        return read_rows(ListRows(self.layout, rows, row_pointer, self._positions, suffixes))

    def table(
        self, names: Sequence[Any], header: str, rows: Sequence[Any], row_pointer: RowPointer, suffixes: Sequence[str]
    ) -> Tensors:
        """Read rows in the order of these column names, which are at the pointer `header`.

        The pointer to a value is that of its row and one of the `suffixes`, which are as many as the names.
        """
        layout = self.layout_for(names, header)
        self.check_rows(rows, "")
        order = [names.index(feature.name) for feature in layout.features]
        return read_rows(ListRows(layout, rows, row_pointer, order, suffixes))

    def layout_for(self, names: Sequence[Any], header: str) -> RowLayout:
        """The features of a table with these columns. Raises InvalidRequest for unknown names; `header` points to the names."""
        layout = self._layout_of({name for name in names if type(name) is str})
        _check_names(layout, names, header)
        return layout

    def check_rows(self, rows: Any, pointer: str) -> None:
        """Raise InvalidRequest unless this is a list of as many rows as the model supports."""
        self.check_supported(pointer)
        if type(rows) is not list:
            raise invalid_value(pointer, f"expected a list of rows, got {described(rows)}")
        self.check_row_count(len(rows), pointer)

    def check_supported(self, pointer: str) -> None:
        """Raise InvalidRequest if the model does not support rows."""
        if self._count is None:
            raise invalid_value(pointer, 'this model does not support rows; send whole tensors in "inputs"')

    def check_row_count(self, rows: int, pointer: str) -> None:
        """Raise InvalidRequest if the model does not support this number of rows."""
        check_row_limit(rows, self.max_rows, pointer)
        if self._count not in (FREE, rows):
            raise invalid_value(pointer, f"this model expects exactly {self._count} rows, got {rows}")

    def _objects(self, rows: Sequence[Any], row_pointer: RowPointer) -> Tensors:
        layout = self._layout_of(rows[0]) if type(rows[0]) is dict else self.layout
        return read_rows(ObjectRows(layout, rows, row_pointer))

    def _layout_of(self, names: Collection[str]) -> RowLayout:
        """The layout by column, unless the names are those of whole inputs."""
        whole = self.layout.names.isdisjoint(names) and not self._by_input.names.isdisjoint(names)
        return (self._by_input if whole else self.layout).present(names)

    def _is_bytes(self, row: dict[str, Any]) -> bool:
        return len(self.layout.features) == 1 and row.keys() == {BASE64_KEY} and BASE64_KEY not in self.layout.names


def check_row_limit(rows: int, max_rows: int, pointer: str) -> None:
    """Raise InvalidRequest unless the number of rows is 1 to `max_rows`."""
    if rows == 0:
        raise invalid_value(pointer, "expected at least one row, got none")
    if rows > max_rows:
        raise invalid_value(pointer, f"expected at most {max_rows} rows, got {rows}; send them in several requests")


def _check_names(layout: RowLayout, names: Sequence[Any], header: str) -> None:
    bad = BadValues()
    seen: set[str] = set()
    known = layout.names | layout.ignored
    unused = sorted(known.difference(name for name in names if type(name) is str))
    for index, name in enumerate(names):
        pointer = f"{header}/{index}"
        if type(name) is not str:
            bad.add(pointer, f"expected a column's name, got {described(name)}")
        elif name in seen:
            bad.add(pointer, f"duplicate column {quoted(name)}")
        elif name not in known:
            bad.add_unknown(pointer, "column", name, unused)
        else:
            seen.add(name)
    for feature in layout.features:
        if feature.name not in seen:
            bad.add(header, f"missing column {quoted(feature.name)}")
    bad.raise_if_any()
