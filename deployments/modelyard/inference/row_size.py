"""How much a row of the inputs holds, of models whose rows may be of any size. Calls are estimated by their rows alone."""

from collections.abc import Iterable

from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import FREE, Array, InferRequest, TensorSpec

MAX_GROWTH = 4
"""A row up to this many times the largest that was quick is taken to be quick too: 16 times the work, if that is quadratic."""


class RowSizes:
    """The size of rows that are known to be quick, in values, and characters or bytes where the values are BYTES."""

    def __init__(self, sized: Iterable[TensorSpec], known: float) -> None:
        """`sized` are the inputs whose rows differ in size; `known` is the size of a row that warm-up measured."""
        self._sized = tuple((spec.name, spec.datatype == "BYTES") for spec in sized)
        self.known = known

    def usual(self, requests: Iterable[InferRequest], rows: int) -> bool:
        """Whether these requests, of so many rows in all, hold no more a row than what is known."""
        return self._of(requests) <= MAX_GROWTH * self.known * rows

    def was_quick(self, requests: Iterable[InferRequest], rows: int) -> None:
        """Learn that a call of these was quick."""
        self.known = max(self.known, self._of(requests) / rows)

    def _of(self, requests: Iterable[InferRequest]) -> int:
        size = 0
        for request in requests:
            inputs = request.inputs
            for name, texts in self._sized:
                array = inputs.get(name)  # an optional one may not be there
                if array is not None:
                    size += _characters(array) if texts else array.size
        return size


def row_sizes(model: LoadedModel, known: float) -> RowSizes | None:
    """None where every row is of one size, and there is nothing to look at."""
    axes = slice(1 if model.signature.rowwise else 0, None)
    sized = [spec for spec in model.signature.inputs if spec.datatype == "BYTES" or FREE in spec.shape[axes]]
    return RowSizes(sized, known) if sized else None


def row_size(model: LoadedModel, request: InferRequest) -> float:
    """What a row of this request holds, on average; 0 where every row is of one size."""
    sizes = row_sizes(model, 0.0)
    if sizes is None:
        return 0.0
    sizes.was_quick([request], request.rows)
    return sizes.known


def _characters(array: Array) -> int:
    """At least 1 a value. A missing one is None."""
    if array.size == 1:  # a row of a table, one input a column: the most usual, and four times as quick
        value = array.item()
        return 1 + len(value) if value else 1
    return array.size + sum(len(value) for value in array.ravel().tolist() if value)
