"""Checks a request's tensors and requested outputs against a model's signature, for all forms of the protocol.

Sources of the further output names: https://github.com/SeldonIO/MLServer/blob/master/docs/runtimes/sklearn.md (predict,
predict_proba) and https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks (output-0, predictions)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.slots import Slot, Slots, TensorHeader
from modelyard.protocols.predict.rows import MAX_ROWS
from modelyard.protocols.values.bad_values import unknown_name_message
from modelyard.tensors import Array, InferRequest, Signature, Tensors

MAX_INPUTS = 10_000
"""Tensors in one request, which may be the columns of a table. Each needs a lookup."""
PREDICTION = ("predict", "output-0", "predictions", "output")
PROBABILITIES = "predict_proba"


class ModelInputs:
    """The inputs of one model, and the outputs that a request may ask for."""

    def __init__(self, signature: Signature, *, max_rows: int = MAX_ROWS) -> None:
        self.slots: Callable[[Sequence[TensorHeader]], list[Slot]] = Slots(signature).find
        """The slot of each tensor of a request. Raises InvalidRequest for a tensor that matches no input."""
        self._columns = {spec.name: spec.columns for spec in signature.inputs}
        self._required = frozenset(spec.name for spec in signature.inputs if not spec.optional)
        self._outputs = OutputNames(signature)
        self._rowwise = signature.rowwise
        self._max_rows = max_rows

    def request(self, arrays: Iterable[tuple[Slot, Array]], outputs: Sequence[str] = ()) -> InferRequest:
        """The request with these arrays, which were converted for their slots, for these outputs, or all if there are none.

        Raises InvalidRequest.
        """
        tensors: Tensors = {}
        columns: dict[str, dict[str, Array]] = {}
        for slot, array in arrays:
            if slot.column is None:
                _add(tensors, slot.input, array, "input")
            else:
                _add(columns.setdefault(slot.input, {}), slot.column, array, "column")
        for name, sent in columns.items():
            if name in tensors:
                raise InvalidRequest(f"duplicate input {name!r}: sent whole, and by its column {next(iter(sent))!r}")
            tensors[name] = _stacked(name, sent, self._columns[name])
        if not self._required <= tensors.keys():
            missing = ", ".join(repr(name) for name in self._columns if name in self._required - tensors.keys())
            raise InvalidRequest(f"missing input {missing}; the model expects {', '.join(map(repr, self._columns))}")
        rows = self._rows(tensors) if self._rowwise else 1
        return InferRequest(tensors, rows, self._output_names(outputs) if outputs else self._outputs.names)

    def _rows(self, tensors: Tensors) -> int:
        lengths = {name: len(array) for name, array in tensors.items()}
        rows = _common_length(lengths, "inputs differ in their first axis, the rows")
        if not rows:
            raise InvalidRequest("expected at least one row, got none")
        self.check_rows(rows)
        return rows

    def check_rows(self, rows: int) -> None:
        """Raise InvalidRequest for more rows than a request may have, if the first axis is that of rows."""
        if self._rowwise and rows > self._max_rows:
            raise InvalidRequest(f"expected at most {self._max_rows} rows, got {rows}")

    def output(self, name: str) -> str:
        """The model's name for an output in a request. Raises InvalidRequest."""
        return self._outputs.find(name)

    def _output_names(self, names: Sequence[str]) -> tuple[str, ...]:
        outputs = tuple(map(self._outputs.find, names))
        for name in outputs:
            if outputs.count(name) > 1:
                raise InvalidRequest(f"duplicate output {name!r}")
        return outputs


class OutputNames:
    """The names by which a request may ask for outputs: the model's own, and those of models on other servers."""

    def __init__(self, signature: Signature) -> None:
        self.names = tuple(spec.name for spec in signature.outputs)
        self._aliases: dict[str, str] = {}
        if signature.label or len(self.names) == 1:
            self._aliases |= dict.fromkeys(PREDICTION, signature.label or self.names[0])
        if signature.scores:
            self._aliases[PROBABILITIES] = signature.scores

    def find(self, name: str) -> str:
        """The model's name for the output. Raises InvalidRequest if it is unknown."""
        if name in self.names:
            return name
        found = self._aliases.get(name, "")
        if not found:
            raise InvalidRequest(unknown_name_message("output", name, self.names))
        return found


def _add(arrays: Tensors, name: str, array: Array, what: str) -> None:
    if name in arrays:
        raise InvalidRequest(f"duplicate {what} {name!r}")
    arrays[name] = array


def _stacked(name: str, arrays: Mapping[str, Array], columns: Sequence[str]) -> Array:
    """The array of an input, from its columns."""
    missing = ", ".join(repr(column) for column in columns if column not in arrays)
    if missing:
        raise InvalidRequest(f"missing column {missing} of input {name!r}")
    _common_length(
        {column: len(array) for column, array in arrays.items()}, f"columns of input {name!r} differ in their length"
    )
    return np.stack([arrays[column] for column in columns], axis=1)


def _common_length(lengths: Mapping[str, int], message: str) -> int:
    """The length that all have in common. Raises InvalidRequest with `message` if they differ."""
    if len(lengths) > 1 and len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise InvalidRequest(f"{message}: {listed}")
    return next(iter(lengths.values()), 0)
