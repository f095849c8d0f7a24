"""A request's tensors against a model's signature: what both forms of the protocol check before a request goes to the model."""

from collections.abc import Iterable, Sequence

from deployments.errors import InvalidRequest
from deployments.protocols.arrays import fits
from deployments.protocols.bad_values import shortened
from deployments.protocols.layout import row_shape
from deployments.protocols.names import nearest
from deployments.protocols.oip.tensors import DATATYPES, HELD_AS, from_raw
from deployments.protocols.rows import MAX_ROWS
from deployments.tensors import Array, InferRequest, Signature, Tensors, TensorSpec

MOST_AXES = 32
"""Of an array; a shape is looked at no further."""


class ModelInputs:
    """The inputs that one model takes, and the outputs that it can be asked for."""

    def __init__(self, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self._specs = {spec.name: spec for spec in signature.inputs}
        self._shapes = {spec.name: (*spec.shape[:1], *row_shape(spec)) for spec in signature.inputs}
        self._required = frozenset(spec.name for spec in signature.inputs if not spec.optional)
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._rowwise = signature.rowwise
        self._max_rows = max_rows

    def check(self, name: str, datatype: str, shape: Sequence[int]) -> None:
        """Raise InvalidRequest unless the model has such an input, of this datatype and shape."""
        spec = self._specs.get(name)
        if spec is None:
            raise InvalidRequest(_unknown("input", name, self._specs))
        if datatype != spec.datatype:
            _check_datatype(spec, datatype)
        negative = bool(shape) and min(shape) < 0
        if negative or not fits(shape, self._shapes[name]):
            why = "; no axis of a request is negative" if negative else ""
            raise InvalidRequest(
                f"input {name!r}: expected shape {_shown(self._shapes[name])}, got {_shown(shape)}{why}"
            )

    def raw(self, name: str, datatype: str, shape: Sequence[int], contents: bytes | memoryview) -> Array:
        """The array of an input's raw contents, checked. Raises InvalidRequest."""
        self.check(name, datatype, shape)
        return from_raw(name, datatype, shape, contents)

    def request(self, given: Iterable[tuple[str, Array]], outputs: Sequence[str] = ()) -> InferRequest:
        """The request with these checked inputs, for these outputs, or all where none is named. Raises InvalidRequest."""
        tensors: Tensors = {}
        for name, array in given:
            if name in tensors:
                raise InvalidRequest(f"input {name!r} comes twice")
            tensors[name] = array
        if not self._required <= tensors.keys():
            missing = ", ".join(repr(name) for name in self._specs if name in self._required - tensors.keys())
            raise InvalidRequest(f"missing input {missing}; the model takes {', '.join(map(repr, self._specs))}")
        rows = self._rows(tensors) if self._rowwise else 1
        return InferRequest(tensors, rows, self._wanted(outputs) if outputs else self._outputs)

    def _rows(self, tensors: Tensors) -> int:
        lengths = {name: len(array) for name, array in tensors.items()}
        rows = next(iter(lengths.values()), 0)
        if len(lengths) > 1 and len(set(lengths.values())) > 1:
            told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
            raise InvalidRequest(f"inputs differ in their first axis, the rows: {told}")
        if not 0 < rows <= self._max_rows:
            few = "expected at least one row, got none"
            raise InvalidRequest(few if not rows else f"expected at most {self._max_rows} rows, got {rows}")
        return rows

    def _wanted(self, names: Sequence[str]) -> tuple[str, ...]:
        for name in names:
            if name not in self._outputs:
                raise InvalidRequest(_unknown("output", name, self._outputs))
            if names.count(name) > 1:
                raise InvalidRequest(f"output {name!r} comes twice")
        return tuple(names)


def _check_datatype(spec: TensorSpec, datatype: str) -> None:
    if HELD_AS.get(datatype) == spec.datatype:
        return
    if datatype not in DATATYPES:
        raise InvalidRequest(
            f"input {spec.name!r}: unknown datatype {shortened(datatype)!r}; there are {', '.join(DATATYPES)}"
        )
    raise InvalidRequest(f"input {spec.name!r}: expected {spec.datatype}, got {datatype}")


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    hint = f"did you mean {near!r}?" if near else f"the model has {', '.join(map(repr, known))}"
    return f"unknown {what} {shortened(name)!r}; {hint}"


def _shown(shape: Sequence[int]) -> str:
    axes = [str(axis) for axis in shape[:MOST_AXES]]
    return f"[{', '.join(axes)}{', ...' if len(shape) > MOST_AXES else ''}]"
