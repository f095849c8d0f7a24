"""Maps the tensors of a request to the model's inputs. A tensor is an input, a column of an input, or ignored."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.tensors import DATATYPES, STORED_AS
from modelyard.protocols.values.bad_values import unknown_name_message
from modelyard.protocols.values.conversion import convert_with_missing, convertible, first_mismatch_message, lossless
from modelyard.protocols.values.row_layout import accepts_missing, has_columns, layout_by_column, row_shape
from modelyard.tensors import DTYPES, FREE, Array, Signature, TensorSpec
from modelyard.text.quoting import shortened

MAX_SHOWN_AXES = 32
"""Axes of a shape that an error shows."""

TensorHeader = tuple[str, str, Sequence[int]]
"""A tensor's name, datatype and shape in the request."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The destination of one tensor, and the conversion that it needs."""

    name: str
    """The tensor's name, shortened for error messages."""
    datatype: str
    """The tensor's datatype, one of DATATYPES."""
    input: str
    target: str
    """The input's datatype."""
    missing: bool
    """Whether the input may have missing values."""
    shape: tuple[int, ...] | None = None
    """The shape that the array gets; None to leave it."""
    columns: tuple[int, ...] = ()
    """The indices along the last axis that the model reads; () for all."""
    column: str | None = None
    """The column of the input; None for the whole input."""
    ignored: bool = False
    """Whether it is a column that no input has. Its values are not read."""
    as_declared: bool = False
    """Whether the tensor has the declared datatype and shape, and needs no conversion."""

    @property
    def dtype(self) -> Any:
        """The dtype of the model's array, unless a value is missing."""
        return DTYPES[self.target]

    @property
    def value_independent(self) -> bool:
        """Whether the conversion of an array depends on its shape only, not on its values."""
        stored = STORED_AS.get(self.datatype, self.datatype)
        whole = self.column is None and not self.columns and not self.ignored
        return whole and lossless(DTYPES[stored], self.dtype)

    def fit(self, array: Array, *, rounded: bool = False) -> Array:
        """Convert the array for the model; see `conversion.convert_with_missing`. Raises InvalidRequest."""
        if self.as_declared:
            return array
        if self.columns:
            array = array[:, self.columns]
        stored = STORED_AS.get(self.datatype, self.datatype)
        cast, wrong = convert_with_missing(array, stored, self.target, missing=self.missing, rounded=rounded)
        if wrong is not None:
            raise InvalidRequest(f"input {self.name!r}: {first_mismatch_message(wrong, array, self.target)}")
        return cast if self.shape is None else cast.reshape(self.shape)


NO_MATCH = "", (), Slot("", "", "", "", missing=False)
"""Matches no tensor: no datatype is empty."""


def declared_slot(spec: TensorSpec) -> Slot:
    """The slot of a tensor with the declared datatype and shape."""
    return Slot(spec.name, spec.datatype, spec.name, spec.datatype, accepts_missing(spec), as_declared=True)


class Slots:
    """The slots of one model."""

    def __init__(self, signature: Signature) -> None:
        self._specs = {spec.name: spec for spec in signature.inputs}
        self._shapes = {spec.name: (*spec.shape[:1], *row_shape(spec)) for spec in signature.inputs}
        required = [spec.name for spec in signature.inputs if not spec.optional]
        self._only_required = required[0] if len(required) == 1 else ""
        """The only required input, for a tensor of any name; "" if there are several."""
        names = [name for spec in signature.inputs if has_columns(spec) for name in spec.columns]
        self._columns = {name: spec for spec in signature.inputs if has_columns(spec) for name in spec.columns}
        if len(self._columns) < len(names):  # two inputs have a column of the same name
            self._columns = {}
        self._fitted = frozenset(signature.fitted)
        self._width = len(signature.fitted)
        self._positions = layout_by_column(signature).positions(signature.fitted) if len(signature.inputs) == 1 else ()
        self._known = (*self._specs, *(name for name in self._columns if name not in self._specs))
        self._unconverted = {
            spec.name: (spec.datatype, self._shapes[spec.name], declared_slot(spec))
            for spec in signature.inputs
            if not (spec.columns and (spec.name in self._columns or spec.name in self._fitted))
        }
        """Datatype, shape and slot of tensors that need no conversion, by name."""

    def find(self, headers: Sequence[TensorHeader]) -> list[Slot]:
        """The slot of each tensor. Raises InvalidRequest for a tensor that matches no input."""
        found: list[Slot] = []
        for name, datatype, shape in headers:
            declared, axes, slot = self._unconverted.get(name, NO_MATCH)
            if datatype != declared or not _matches(shape, axes):
                names = {name for name, _, _ in headers}
                return [self._slot(header, names, alone=len(headers) == 1) for header in headers]
            found.append(slot)
        return found

    def _slot(self, header: TensorHeader, names: Set[str], *, alone: bool) -> Slot:
        name, datatype, _ = header
        spec = self._specs.get(name)
        if spec is not None and (name in self._columns or name in self._fitted) and names & {*spec.columns} - {name}:
            spec = None  # the column of this name, sent with other columns
        if spec is None and name in self._columns:
            return self._column(self._columns[name], header)
        if spec is None and name in self._fitted:
            return Slot(shortened(name), datatype, "", datatype, missing=False, ignored=True)
        if spec is None and alone and self._only_required:
            spec = self._specs[self._only_required]
        if spec is None:
            raise InvalidRequest(unknown_name_message("input", name, self._known, self._fitted))
        return self._whole(spec, header)

    def _whole(self, spec: TensorSpec, header: TensorHeader) -> Slot:
        name, datatype, shape = header
        shown = shortened(name)
        _check_datatype(shown, datatype, spec)
        slot = partial(Slot, shown, datatype, spec.name, spec.datatype, accepts_missing(spec))
        declared, found = self._shapes[spec.name], tuple(shape)
        if _matches(found, declared):
            return slot()
        if declared[-1:] == (1,) and _matches(found, declared[:-1]):
            return slot(shape=(*found, 1))
        if found[-1:] == (1,) and _matches(found[:-1], declared):
            return slot(shape=found[:-1])
        if not found and _matches((1,) * len(declared), declared):
            return slot(shape=(1,) * len(declared))
        if self._positions and _matches(found, (*declared[:1], self._width)):
            return slot(columns=self._positions)
        raise _shape_mismatch(f"input {shown!r}", declared, shape)

    def _column(self, spec: TensorSpec, header: TensorHeader) -> Slot:
        name, datatype, shape = header
        _check_datatype(name, datatype, spec)
        rows = self._shapes[spec.name][:1]
        if not (_matches(shape, rows) or _matches(shape, (*rows, 1))):
            raise _shape_mismatch(f"column {name!r} of input {spec.name!r}", rows, shape)
        return Slot(name, datatype, spec.name, spec.datatype, accepts_missing(spec), tuple(shape[:1]), column=name)


def _check_datatype(name: str, datatype: str, spec: TensorSpec) -> None:
    if datatype not in DATATYPES:
        known = ", ".join(DATATYPES)
        raise InvalidRequest(f"input {name!r}: unknown datatype {shortened(datatype)!r}; known are {known}")
    if not convertible(datatype, spec.datatype):
        raise InvalidRequest(f"input {name!r}: expected {spec.datatype}, got {datatype}")


def _matches(found: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether a tensor of shape `found` is valid for the declared shape."""
    if len(found) != len(shape):
        return False
    for length, expected in zip(found, shape, strict=True):  # noqa: SIM110 - twice as fast as `all` for so few
        if length < 0 or expected not in (FREE, length):
            return False
    return True


def _shape_mismatch(what: str, declared: Sequence[int], found: Sequence[int]) -> InvalidRequest:
    why = "; the axes of a request must not be negative" if found and min(found) < 0 else ""
    return InvalidRequest(f"{what}: expected shape {_shape_text(declared)}, got {_shape_text(found)}{why}")


def _shape_text(shape: Sequence[int]) -> str:
    axes = [str(axis) for axis in shape[:MAX_SHOWN_AXES]]
    return f"[{', '.join(axes)}{', ...' if len(shape) > MAX_SHOWN_AXES else ''}]"
