"""Where the tensors of a request go: each is an input, a column of one, or not read at all. Pure."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.tensors import DATATYPES, HELD_AS
from modelyard.protocols.values.bad_values import unknown_name
from modelyard.protocols.values.conversion import converted_with_missing, convertible, first, lossless
from modelyard.protocols.values.row_layout import by_column, has_columns, row_shape, takes_missing
from modelyard.tensors import DTYPES, FREE, Array, Signature, TensorSpec
from modelyard.text.quoting import shortened

MOST_AXES = 32
"""Of an array; a shape is looked at no further."""

Head = tuple[str, str, Sequence[int]]
"""A tensor's name, datatype and shape, as the request describes it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one tensor goes, and what makes it fit."""

    name: str
    """The tensor's own, cut short, for what is said of it."""
    datatype: str
    """The tensor's own, one of the protocol's DATATYPES."""
    input: str
    wanted: str
    """The input's datatype."""
    missing: bool
    """Whether the input takes missing values."""
    shape: tuple[int, ...] | None = None
    """What the array is reshaped to; None where it stays as it comes."""
    pick: tuple[int, ...] = ()
    """Places along the last axis that alone are read."""
    column: str | None = None
    """The column of the input that it is; None for the whole input."""
    unread: bool = False
    """Whether it is a column that no input has, so that its values are not looked at."""
    as_is: bool = False
    """Whether the tensor is what the input declares."""

    @property
    def dtype(self) -> Any:
        """Of the array that goes to the model, unless a value is missing."""
        return DTYPES[self.wanted]

    @property
    def plain(self) -> bool:
        """Whether all arrays of one shape fit in the same way, whatever their values are."""
        held = HELD_AS.get(self.datatype, self.datatype)
        whole = self.column is None and not self.pick and not self.unread
        return whole and lossless(DTYPES[held], self.dtype)

    def fitted(self, array: Array, *, rounded: bool = False) -> Array:
        """The array as the model takes it; see `conversion.converted`. Raises InvalidRequest."""
        if self.as_is:
            return array
        if self.pick:
            array = array[:, self.pick]
        held = HELD_AS.get(self.datatype, self.datatype)
        cast, wrong = converted_with_missing(array, held, self.wanted, missing=self.missing, rounded=rounded)
        if wrong is not None:
            raise InvalidRequest(f"input {self.name!r}: {first(wrong, array, self.wanted)}")
        return cast if self.shape is None else cast.reshape(self.shape)


NOWHERE = "", (), Slot("", "", "", "", missing=False)
"""No datatype is like this one's."""


def as_declared(spec: TensorSpec) -> Slot:
    """The slot of a tensor that is what the input declares."""
    return Slot(spec.name, spec.datatype, spec.name, spec.datatype, takes_missing(spec), as_is=True)


class Slots:
    """The slots of one model."""

    def __init__(self, signature: Signature) -> None:
        self._specs = {spec.name: spec for spec in signature.inputs}
        self._shapes = {spec.name: (*spec.shape[:1], *row_shape(spec)) for spec in signature.inputs}
        required = [spec.name for spec in signature.inputs if not spec.optional]
        self._only = required[0] if len(required) == 1 else ""
        """The one input that a request must have, which then needs no name; "" where there are several."""
        names = [name for spec in signature.inputs if has_columns(spec) for name in spec.columns]
        self._columns = {name: spec for spec in signature.inputs if has_columns(spec) for name in spec.columns}
        if len(self._columns) < len(names):  # two inputs have a column of one name, which would be either's
            self._columns = {}
        self._fitted = frozenset(signature.fitted)
        self._width = len(signature.fitted)
        self._positions = by_column(signature).positions(signature.fitted) if len(signature.inputs) == 1 else ()
        self._known = (*self._specs, *(name for name in self._columns if name not in self._specs))
        self._own = {
            spec.name: (spec.datatype, self._shapes[spec.name], as_declared(spec))
            for spec in signature.inputs
            if not (spec.columns and (spec.name in self._columns or spec.name in self._fitted))
        }
        """By their names, datatype, shape and slot of what fits as it is."""

    def find(self, heads: Sequence[Head]) -> list[Slot]:
        """The slot of each tensor. Raises InvalidRequest for one that there is no place for."""
        found: list[Slot] = []
        for name, datatype, shape in heads:
            declared, axes, slot = self._own.get(name, NOWHERE)
            if datatype != declared or not _fits(shape, axes):
                names = {name for name, _, _ in heads}
                return [self._slot(head, names, alone=len(heads) == 1) for head in heads]
            found.append(slot)
        return found

    def _slot(self, head: Head, names: Set[str], *, alone: bool) -> Slot:
        name, datatype, _ = head
        spec = self._specs.get(name)
        if spec is not None and (name in self._columns or name in self._fitted) and names & {*spec.columns} - {name}:
            spec = None  # a column that has the input's name, among others
        if spec is None and name in self._columns:
            return self._column(self._columns[name], head)
        if spec is None and name in self._fitted:
            return Slot(shortened(name), datatype, "", datatype, missing=False, unread=True)
        if spec is None and alone and self._only:
            spec = self._specs[self._only]
        if spec is None:
            raise InvalidRequest(unknown_name("input", name, self._known, self._fitted))
        return self._whole(spec, head)

    def _whole(self, spec: TensorSpec, head: Head) -> Slot:
        name, datatype, shape = head
        shown = shortened(name)
        _check_datatype(shown, datatype, spec)
        slot = partial(Slot, shown, datatype, spec.name, spec.datatype, takes_missing(spec))
        declared, found = self._shapes[spec.name], tuple(shape)
        if _fits(found, declared):
            return slot()
        if declared[-1:] == (1,) and len(declared) > 1 and _fits(found, declared[:-1]):
            return slot(shape=(*found, 1))
        if found[-1:] == (1,) and _fits(found[:-1], declared):
            return slot(shape=found[:-1])
        if not found and _fits((1,) * len(declared), declared):
            return slot(shape=(1,) * len(declared))
        if self._positions and _fits(found, (*declared[:1], self._width)):
            return slot(pick=self._positions)
        raise _misshapen(f"input {shown!r}", declared, shape)

    def _column(self, spec: TensorSpec, head: Head) -> Slot:
        name, datatype, shape = head
        _check_datatype(name, datatype, spec)
        rows = self._shapes[spec.name][:1]
        if not (_fits(shape, rows) or _fits(shape, (*rows, 1))):
            raise _misshapen(f"column {name!r} of input {spec.name!r}", rows, shape)
        return Slot(name, datatype, spec.name, spec.datatype, takes_missing(spec), tuple(shape[:1]), column=name)


def _check_datatype(name: str, datatype: str, spec: TensorSpec) -> None:
    if datatype not in DATATYPES:
        known = ", ".join(DATATYPES)
        raise InvalidRequest(f"input {name!r}: unknown datatype {shortened(datatype)!r}; there are {known}")
    if not convertible(datatype, spec.datatype):
        raise InvalidRequest(f"input {name!r}: expected {spec.datatype}, got {datatype}")


def _fits(found: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether a tensor of one shape may stand where the other is declared."""
    if len(found) != len(shape):
        return False
    for length, wanted in zip(found, shape, strict=True):  # noqa: SIM110 - twice as quick as `all` for so few
        if length < 0 or wanted not in (FREE, length):
            return False
    return True


def _misshapen(what: str, declared: Sequence[int], found: Sequence[int]) -> InvalidRequest:
    why = "; no axis of a request is negative" if found and min(found) < 0 else ""
    return InvalidRequest(f"{what}: expected shape {_shown(declared)}, got {_shown(found)}{why}")


def _shown(shape: Sequence[int]) -> str:
    axes = [str(axis) for axis in shape[:MOST_AXES]]
    return f"[{', '.join(axes)}{', ...' if len(shape) > MOST_AXES else ''}]"
