"""A request's tensors against a model's signature: what all forms of the protocol check before a request goes to the model."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.slots import Head, Slot, Slots
from modelyard.protocols.predict.rows import MAX_ROWS
from modelyard.protocols.values.bad_values import unknown_name
from modelyard.tensors import Array, InferRequest, Signature, Tensors

MOST_INPUTS = 10_000
"""Tensors in one request, which may be the columns of a table: each is described and looked up by itself."""
PREDICTION = ("predict", "output-0", "predictions", "output")
PROBABILITIES = "predict_proba"


class ModelInputs:
    """The inputs that one model takes, and the outputs that it can be asked for."""

    def __init__(self, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self.slots: Callable[[Sequence[Head]], list[Slot]] = Slots(signature).find
        """Where each of a request's tensors goes. Raises InvalidRequest for one that there is no place for."""
        self._columns = {spec.name: spec.columns for spec in signature.inputs}
        self._required = frozenset(spec.name for spec in signature.inputs if not spec.optional)
        self._outputs = OutputNames(signature)
        self._rowwise = signature.rowwise
        self._max_rows = max_rows

    def request(self, given: Iterable[tuple[Slot, Array]], outputs: Sequence[str] = ()) -> InferRequest:
        """The request with these arrays, which fit their slots, for these outputs, or all where none is named.

        Raises InvalidRequest.
        """
        tensors: Tensors = {}
        columns: dict[str, dict[str, Array]] = {}
        for slot, array in given:
            if slot.column is None:
                _add(tensors, slot.input, array, "input")
            else:
                _add(columns.setdefault(slot.input, {}), slot.column, array, "column")
        for name, own in columns.items():
            if name in tensors:
                raise InvalidRequest(f"input {name!r} comes twice: whole, and by its column {next(iter(own))!r}")
            tensors[name] = _stacked(name, own, self._columns[name])
        if not self._required <= tensors.keys():
            missing = ", ".join(repr(name) for name in self._columns if name in self._required - tensors.keys())
            raise InvalidRequest(f"missing input {missing}; the model takes {', '.join(map(repr, self._columns))}")
        rows = self._rows(tensors) if self._rowwise else 1
        return InferRequest(tensors, rows, self._wanted(outputs) if outputs else self._outputs.own)

    def _rows(self, tensors: Tensors) -> int:
        lengths = {name: len(array) for name, array in tensors.items()}
        rows = _alike(lengths, "inputs differ in their first axis, the rows")
        if not rows:
            raise InvalidRequest("expected at least one row, got none")
        self.check_rows(rows)
        return rows

    def check_rows(self, rows: int) -> None:
        """Refuse more rows than a request may have, where the first axis is that of rows."""
        if self._rowwise and rows > self._max_rows:
            raise InvalidRequest(f"expected at most {self._max_rows} rows, got {rows}")

    def output(self, name: str) -> str:
        """The own name of an output that a request names. Raises InvalidRequest."""
        return self._outputs.find(name)

    def _wanted(self, names: Sequence[str]) -> tuple[str, ...]:
        own = tuple(map(self._outputs.find, names))
        for name in own:
            if own.count(name) > 1:
                raise InvalidRequest(f"output {name!r} comes twice")
        return own


class OutputNames:
    """Those of one model."""

    def __init__(self, signature: Signature) -> None:
        self.own = tuple(spec.name for spec in signature.outputs)
        self._others: dict[str, str] = {}
        if signature.label or len(self.own) == 1:
            self._others |= dict.fromkeys(PREDICTION, signature.label or self.own[0])
        if signature.scores:
            self._others[PROBABILITIES] = signature.scores

    def find(self, name: str) -> str:
        """The output's own name. Raises InvalidRequest where there is none that is meant."""
        if name in self.own:
            return name
        found = self._others.get(name, "")
        if not found:
            raise InvalidRequest(unknown_name("output", name, self.own))
        return found


def _add(own: Tensors, name: str, array: Array, what: str) -> None:
    if name in own:
        raise InvalidRequest(f"{what} {name!r} comes twice")
    own[name] = array


def _stacked(name: str, own: Mapping[str, Array], columns: Sequence[str]) -> Array:
    """The input of its columns."""
    missing = ", ".join(repr(column) for column in columns if column not in own)
    if missing:
        raise InvalidRequest(f"missing column {missing} of input {name!r}")
    _alike({column: len(array) for column, array in own.items()}, f"columns of input {name!r} differ in their length")
    return np.stack([own[column] for column in columns], axis=1)


def _alike(lengths: Mapping[str, int], otherwise: str) -> int:
    """The length that all have in common. Raises InvalidRequest where they have none."""
    if len(lengths) > 1 and len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise InvalidRequest(f"{otherwise}: {told}")
    return next(iter(lengths.values()), 0)
