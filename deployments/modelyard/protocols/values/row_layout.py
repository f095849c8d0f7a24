"""What one row of a request is made of: the named cells that a signature's inputs divide into."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from modelyard.protocols.values.arrays import ArrayReader
from modelyard.tensors import DTYPES, FREE, Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Cell:
    """One named part of a row."""

    name: str
    shape: tuple[int, ...]
    """() for a plain value."""
    input: str
    """The input that it is a part of."""
    datatype: str
    optional: bool
    missing: bool
    """Whether its value may be missing, so that a row that is an object may leave it out."""


@dataclass(frozen=True, slots=True)
class InputPart:
    """One input's part of a row: how many cells, and how they become an array."""

    name: str
    cells: int
    whole: ArrayReader
    """Reads all rows of the input, each nested as the input's shape is."""
    column: ArrayReader
    """Reads one cell of all rows."""
    cell: ArrayReader
    """Reads one cell of one row."""
    per_row: tuple[int, ...]
    """The array's axes between the rows and those of a cell: (n,) where n plain cells make a row of it."""


class Layout:
    """The cells of a row, input after input in the signature's order: the order of a row that is a list."""

    def __init__(
        self,
        cells: tuple[Cell, ...],
        parts: tuple[InputPart, ...],
        unread: frozenset[str] = frozenset(),
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        self.cells = cells
        self.parts = parts
        self.unread = unread
        """Names of columns that the model was fitted with and does not read: they may be there, with any values."""
        self.left_out = left_out
        """Names of optional cells that are not among these."""
        self.names = frozenset(cell.name for cell in cells)
        self.pick = itemgetter(*(cell.name for cell in cells))
        """An object's values in the order of the cells: a tuple, or the bare value where there is one cell."""
        self.needed = frozenset(cell.name for cell in cells if not cell.missing)
        """What each row that is an object must hold."""
        self._optional = any(cell.optional for cell in cells)

    @property
    def plain(self) -> bool:
        """Whether every cell is one value, as in a table."""
        return all(cell.shape == () for cell in self.cells)

    @property
    def unnamed(self) -> bool:
        """Whether a row is one list of values that have no names."""
        return len(self.cells) == 1 and len(self.cells[0].shape) == 1

    def present(self, names: Iterable[str]) -> "Layout":
        """The layout without those optional inputs that have no cell among these names."""
        if not self._optional:
            return self
        given = set(names)
        kept = {cell.input for cell in self.cells if not cell.optional or cell.name in given}
        cells = tuple(cell for cell in self.cells if cell.input in kept)
        if not cells:
            return self
        left_out = frozenset(cell.name for cell in self.cells if cell.input not in kept)
        return Layout(cells, tuple(part for part in self.parts if part.name in kept), self.unread, left_out)

    def positions(self, fitted: Sequence[str]) -> tuple[int, ...]:
        """Where each cell stands in a row of all columns that the model was fitted with; () where there is no such row."""
        if len(fitted) <= len(self.cells) or not self.plain or not self.names.issubset(fitted):
            return ()
        return tuple(fitted.index(cell.name) for cell in self.cells)


def by_column(signature: Signature) -> Layout:
    """A cell for each column of each input that names its columns, and one for each other input.

    Where two cells would have one name, columns cannot be told apart, and this is the same as `by_input`.
    """
    layout = _layout(signature, expand=True)
    return layout if len(layout.names) == len(layout.cells) else by_input(signature)


def by_input(signature: Signature) -> Layout:
    """A cell for each input, whole."""
    return _layout(signature, expand=False)


def has_columns(spec: TensorSpec) -> bool:
    """Whether each row of this input is a list of named values."""
    return len(spec.shape) == 2 and bool(spec.columns) and spec.shape[1] in (FREE, len(spec.columns))


def row_shape(spec: TensorSpec) -> tuple[int, ...]:
    """The shape of one row of this input."""
    return (len(spec.columns),) if has_columns(spec) else spec.shape[1:]


def takes_missing(spec: TensorSpec) -> bool:
    """Whether null is a missing value of this input; among floats it is NaN instead."""
    return spec.missing and DTYPES[spec.datatype].kind != "f"


def row_count(signature: Signature) -> int | None:
    """How many rows a request holds: FREE for any number, None where the inputs do not share a first axis."""
    lengths = {spec.shape[:1] for spec in signature.inputs}
    if len(lengths) != 1 or lengths == {()}:
        return None
    [(length,)] = lengths
    return None if length == FREE and not signature.rowwise else length


def _layout(signature: Signature, *, expand: bool) -> Layout:
    cells: list[Cell] = []
    parts: list[InputPart] = []
    for spec in signature.inputs:
        row = row_shape(spec)
        columns = spec.columns if expand and has_columns(spec) else ()
        plain = bool(columns) or row == (1,)
        names, shape = columns or (spec.name,), () if plain else row
        missing = takes_missing(spec)
        cells += [Cell(name, shape, spec.name, spec.datatype, spec.optional, missing) for name in names]
        parts.append(
            InputPart(
                name=spec.name,
                cells=len(names),
                whole=ArrayReader(spec.datatype, (FREE, *row), missing=missing),
                column=ArrayReader(spec.datatype, (FREE, *shape), missing=missing),
                cell=ArrayReader(spec.datatype, shape, missing=missing),
                per_row=row if plain else (),
            )
        )
    known = {cell.name for cell in cells}
    if not expand:
        known.update(name for spec in signature.inputs for name in spec.columns)
    return Layout(tuple(cells), tuple(parts), frozenset(signature.fitted) - known)
