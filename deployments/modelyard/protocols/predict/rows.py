"""Rows to tensors: lists, objects by name, plain values, and tables whose columns are named once."""

from collections.abc import Collection, Sequence
from typing import Any

from modelyard.protocols.predict.row_formats import Bare, Objects, Table, Where, read
from modelyard.protocols.values.bad_values import BadValues, refuse
from modelyard.protocols.values.datatypes import BASE64_KEY
from modelyard.protocols.values.row_layout import Layout, by_column, by_input, row_count
from modelyard.tensors import FREE, Signature, Tensors
from modelyard.text.quoting import described, escaped, quoted

MAX_ROWS = 100_000
"""Rows in one request; their answer is made in one piece, and nothing else is answered meanwhile."""


class RowReader:
    """Reads the rows of one model."""

    def __init__(self, signature: Signature, *, max_rows: int) -> None:
        self.layout = by_column(signature)
        self._required = self.layout.present(())
        """The cells of a row that leaves out what is optional."""
        self._by_input = by_input(signature)
        self._positions = self.layout.positions(signature.fitted)
        """Where in a row of all columns that the model was fitted with each cell stands; () where there is no such row."""
        self._fitted = len(signature.fitted) if self._positions else 0
        self._fitted_names = signature.fitted
        self._count = row_count(signature)
        self.max_rows = max_rows

    def instances(self, rows: Any, pointer: str = "/instances") -> Tensors:
        """Rows as lists, as objects, or as plain values where a row is only one; `pointer` is to all of them."""
        self.check_count(rows, pointer)
        where = f"{pointer}/{{}}".format
        if type(rows[0]) is dict and not self._is_bytes(rows[0]):
            return self._objects(rows, where)
        return self.lists(rows, where)

    def records(self, rows: Any) -> Tensors:
        """Rows as objects."""
        self.check_count(rows, "/dataframe_records")
        return self._objects(rows, "/dataframe_records/{}".format)

    def split(self, table: Any) -> Tensors:
        """A table as `pandas.DataFrame.to_dict("split")` gives it."""
        pointer = "/dataframe_split"
        bad = BadValues()
        if type(table) is not dict:
            raise refuse(pointer, f'expected an object with "columns" and "data", got {described(table)}')
        for name in table:
            if name not in ("columns", "data", "index"):
                bad.unknown(f"{pointer}/{escaped(name)}", "member", name, ("columns", "data", "index"))
        for name in ("columns", "data"):
            if type(table.get(name)) is not list:
                got = described(table[name]) if name in table else "nothing"
                bad.add(f"{pointer}/{name}", f"expected a list, got {got}")
        bad.raise_if_any()
        columns, rows = table["columns"], table["data"]
        self.check_count(rows, f"{pointer}/data")
        where = f"{pointer}/data/{{}}".format
        if self.layout.unnamed:
            return self.lists(rows, where)
        return self.table(columns, f"{pointer}/columns", rows, where, [f"/{place}" for place in range(len(columns))])

    def lists(self, rows: Sequence[Any], where: Where) -> Tensors:
        """Rows in the order of the cells, or with all columns that the model was fitted with, in their order."""
        if self._positions and type(rows[0]) is list and len(rows[0]) == self._fitted:
            return self.whole_rows(rows, where)
        layout, short = self.layout, self._required
        if short is not layout and type(rows[0]) is list and len(rows[0]) == len(short.cells):
            layout = short
        if len(layout.parts) == 1:
            [part] = layout.parts
            array = part.whole.quick(rows)
            if array is not None:
                return {part.name: array}
        if len(layout.cells) == 1:
            return read(Bare(layout, rows, where))
        order = list(range(len(layout.cells)))
        return read(Table(layout, rows, where, order, [f"/{place}" for place in order]))

    def names(self, width: int) -> list[str]:
        """The names of the values of a row that is a list of so many, or should be."""
        if self._positions and width == self._fitted:
            return list(self._fitted_names)
        layout = self._required if width == len(self._required.cells) else self.layout
        return [cell.name for cell in layout.cells]

    def whole_rows(self, rows: Sequence[Any], where: Where) -> Tensors:
        """Rows with all columns that the model was fitted with, in their order."""
        return read(Table(self.layout, rows, where, self._positions, [f"/{place}" for place in range(self._fitted)]))

    def table(
        self, names: Sequence[Any], header: str, rows: Sequence[Any], where: Where, ends: Sequence[str]
    ) -> Tensors:
        """Rows in the order of these names, at which `header` points. A value's pointer is its row's and one of the `ends`.

        There is an end for each name.
        """
        layout = self.layout_for(names, header)
        self.check_count(rows, "")
        return read(Table(layout, rows, where, [names.index(cell.name) for cell in layout.cells], ends))

    def layout_for(self, names: Sequence[Any], header: str) -> Layout:
        """The cells that a table of these columns gives. Refuses unknown names, with pointers that begin with `header`."""
        layout = self._layout_of({name for name in names if type(name) is str})
        _check_names(layout, names, header)
        return layout

    def check_count(self, rows: Any, pointer: str) -> None:
        """Refuse what is no list of as many rows as the model takes."""
        self.check_taken(pointer)
        if type(rows) is not list:
            raise refuse(pointer, f"expected a list of rows, got {described(rows)}")
        self.check_length(len(rows), pointer)

    def check_taken(self, pointer: str) -> None:
        """Refuse any rows where the model does not take them."""
        if self._count is None:
            raise refuse(pointer, 'this model does not take rows; send whole tensors in "inputs"')

    def check_length(self, rows: int, pointer: str) -> None:
        """Refuse another number of rows than the model takes."""
        check_rows(rows, self.max_rows, pointer)
        if self._count not in (FREE, rows):
            raise refuse(pointer, f"this model takes exactly {self._count} rows, got {rows}")

    def _objects(self, rows: Sequence[Any], where: Where) -> Tensors:
        layout = self._layout_of(rows[0]) if type(rows[0]) is dict else self.layout
        return read(Objects(layout, rows, where))

    def _layout_of(self, names: Collection[str]) -> Layout:
        """By column, unless these names are those of whole inputs."""
        whole = self.layout.names.isdisjoint(names) and not self._by_input.names.isdisjoint(names)
        return (self._by_input if whole else self.layout).present(names)

    def _is_bytes(self, row: dict[str, Any]) -> bool:
        return len(self.layout.cells) == 1 and row.keys() == {BASE64_KEY} and BASE64_KEY not in self.layout.names


def check_rows(rows: int, most: int, pointer: str) -> None:
    """Refuse no rows, and more than `most`."""
    if rows == 0:
        raise refuse(pointer, "expected at least one row, got none")
    if rows > most:
        raise refuse(pointer, f"expected at most {most} rows, got {rows}; send them in several requests")


def _check_names(layout: Layout, names: Sequence[Any], header: str) -> None:
    bad = BadValues()
    seen: set[str] = set()
    known = layout.names | layout.unread
    free = sorted(known.difference(name for name in names if type(name) is str))
    for index, name in enumerate(names):
        pointer = f"{header}/{index}"
        if type(name) is not str:
            bad.add(pointer, f"expected a column's name, got {described(name)}")
        elif name in seen:
            bad.add(pointer, f"column {quoted(name)} comes twice")
        elif name not in known:
            bad.unknown(pointer, "column", name, free)
        else:
            seen.add(name)
    for cell in layout.cells:
        if cell.name not in seen:
            bad.add(header, f"missing column {quoted(cell.name)}")
    bad.raise_if_any()
