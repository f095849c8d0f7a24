"""The forms that rows come in, each read in two ways.

`quick` makes tensors at once, or None where a value, a row or a name is not as it should be, or only unusual. `cells` goes
through the same rows value by value, so that `walk` can name every bad one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

from modelyard.protocols.values.arrays import counted
from modelyard.protocols.values.bad_values import BadValues
from modelyard.protocols.values.row_layout import Cell, InputPart, Layout
from modelyard.tensors import Array, Tensors
from modelyard.text.quoting import described, escaped, quoted

Where = Callable[[int], str]
"""The pointer to a row."""
Placed = tuple[Cell, Any, str]
"""A cell, its value, and the pointer to that."""


class Form(Protocol):
    """Rows in one form."""

    layout: Layout
    rows: Sequence[Any]

    def quick(self) -> Tensors | None: ...

    def cells(self, bad: BadValues) -> Iterator[Placed]:
        """Every cell that is there. What is not, and what is no row at all, is added to the bad values."""
        ...


def read(form: Form) -> Tensors:
    """The tensors of these rows. Raises InvalidRequest with every bad value."""
    tensors = form.quick()
    return walk(form) if tensors is None else tensors


def walk(form: Form) -> Tensors:
    """The same tensors, value by value."""
    bad = BadValues()
    parts = {part.name: (part, part.cell.walk(bad)) for part in form.layout.parts}
    for cell, value, pointer in form.cells(bad):
        part, array = parts[cell.input]
        if cell.shape == () and part.cells == 1 and type(value) is list and len(value) == 1:
            array.add(value[0], f"{pointer}/0")  # a plain value may stand in a list of one
        else:
            array.add(value, pointer)
    bad.raise_if_any()
    return {name: array.array((len(form.rows), *part.per_row)) for name, (part, array) in parts.items()}


@dataclass(slots=True)
class Table:
    """Rows that are lists in one order, which may be another than the cells', and may hold values that are not read."""

    layout: Layout
    rows: Sequence[Any]
    where: Where
    order: Sequence[int]
    """Where in a row each cell stands."""
    ends: Sequence[str]
    """By place in a row, what ends the pointer to the value there."""

    def quick(self) -> Tensors | None:
        if set(map(type, self.rows)) != {list} or set(map(len, self.rows)) != {len(self.ends)}:
            return None
        order = self.order
        if len(order) == len(self.ends) and order == sorted(order):
            return _assembled(self.layout, self.rows)
        if len(order) == 1:
            return _assembled(self.layout, [(row[order[0]],) for row in self.rows])
        return _assembled(self.layout, list(map(itemgetter(*order), self.rows)))

    def cells(self, bad: BadValues) -> Iterator[Placed]:
        width = counted(len(self.ends))
        for index, row in enumerate(self.rows):
            pointer = self.where(index)
            if type(row) is not list:
                bad.add(pointer, f"expected a list of {width}, got {described(row)}")
                continue
            if len(row) != len(self.ends):
                bad.add(pointer, f"expected {width}, got {len(row)}")
            for cell, place in zip(self.layout.cells, self.order, strict=True):
                if place < len(row):
                    yield cell, row[place], pointer + self.ends[place]


@dataclass(slots=True)
class Bare:
    """Rows that are all of one input: nested as it is, or a plain value."""

    layout: Layout
    rows: Sequence[Any]
    where: Where

    def quick(self) -> Tensors | None:
        [part] = self.layout.parts
        array = _column(part, self.rows)
        return None if array is None else {part.name: array}

    def cells(self, bad: BadValues) -> Iterator[Placed]:
        [cell] = self.layout.cells
        for index, row in enumerate(self.rows):
            yield cell, row, self.where(index)


@dataclass(slots=True)
class Objects:
    """Rows that are objects, with a member for each cell that is not missing, and perhaps others that are not read."""

    layout: Layout
    rows: Sequence[Any]
    where: Where

    def quick(self) -> Tensors | None:
        width = len(self.layout.cells)
        if set(map(type, self.rows)) != {dict}:
            return None
        if set(map(len, self.rows)) != {width}:
            return self._unusual()
        try:
            picked = list(map(self.layout.pick, self.rows))
        except KeyError:
            return self._unusual()
        return _assembled(self.layout, picked if width > 1 else [(value,) for value in picked])

    def _unusual(self) -> Tensors | None:
        """The same where a row leaves out what may be missing, or has members that are not read."""
        layout = self.layout
        known = layout.names | layout.unread
        if not all(layout.needed <= row.keys() <= known for row in self.rows):
            return None
        names = [cell.name for cell in layout.cells]
        return _assembled(layout, [[row.get(name) for name in names] for row in self.rows])

    def cells(self, bad: BadValues) -> Iterator[Placed]:
        ends = {cell.name: f"/{escaped(cell.name)}" for cell in self.layout.cells}
        for index, row in enumerate(self.rows):
            pointer = self.where(index)
            if type(row) is not dict:
                bad.add(pointer, f"expected an object, got {described(row)}")
                continue
            for name in row:
                if name in self.layout.left_out:
                    bad.add(f"{pointer}/{escaped(name)}", f"{quoted(name)} is for every row or for none")
                elif name not in ends and name not in self.layout.unread:
                    free = (each for each in (*ends, *sorted(self.layout.unread)) if each not in row)
                    bad.unknown(f"{pointer}/{escaped(name)}", "name", name, free)
            for cell in self.layout.cells:
                if cell.name in row or cell.missing:
                    yield cell, row.get(cell.name), pointer + ends[cell.name]
                else:
                    bad.add(pointer, f"missing {quoted(cell.name)}")


def _assembled(layout: Layout, rows: Sequence[Sequence[Any]]) -> Tensors | None:
    """Tensors from rows with a value for every cell, in the cells' order."""
    if len(layout.parts) == 1 and len(layout.cells) > 1:
        [part] = layout.parts
        array = part.whole.quick(rows)
        return None if array is None else {part.name: array}
    columns = list(zip(*rows, strict=True))
    tensors: Tensors = {}
    start = 0
    for part in layout.parts:
        own = columns[start : start + part.cells]
        start += part.cells
        array = _column(part, own[0]) if part.cells == 1 else part.whole.quick(list(zip(*own, strict=True)))
        if array is None:
            return None
        tensors[part.name] = array
    return tensors


def _column(part: InputPart, values: Sequence[Any]) -> Array | None:
    """The array of an input that is one cell a row."""
    array = part.column.quick(values)
    if array is None:
        return part.whole.quick(values) if part.per_row else None
    return array.reshape(-1, *part.per_row) if part.per_row else array
