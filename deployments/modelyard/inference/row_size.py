"""The size of rows, for models whose rows vary in size: the estimate of a batch's duration counts only its rows."""

from collections.abc import Iterable

from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import FREE, Array, InferRequest, TensorSpec

MAX_GROWTH = 4
"""A row of up to this many times the largest size that was quick counts as quick too: 16 times the work, if that is quadratic."""


class RowSizes:
    """The row size that is known to be quick, in values; in characters or bytes for values of BYTES."""

    def __init__(self, sized: Iterable[TensorSpec], known: float) -> None:
        """`sized` are the inputs whose rows vary in size; `known` is the row size that warm-up measured."""
        self._sized = tuple((spec.name, spec.datatype == "BYTES") for spec in sized)
        self.known = known

    def usual(self, requests: Iterable[InferRequest], rows: int) -> bool:
        """Whether the average row of these requests, of so many rows in all, is small enough to be quick."""
        return self._of(requests) <= MAX_GROWTH * self.known * rows

    def was_quick(self, requests: Iterable[InferRequest], rows: int) -> None:
        """Learn that a batch of these requests was quick."""
        self.known = max(self.known, self._of(requests) / rows)

    def _of(self, requests: Iterable[InferRequest]) -> int:
        size = 0
        for request in requests:
            inputs = request.inputs
            for name, texts in self._sized:
                array = inputs.get(name)  # an optional input may be missing
                if array is not None:
                    size += _characters(array) if texts else array.size
        return size


def row_sizes(model: LoadedModel, known: float) -> RowSizes | None:
    """None if all rows have the same size."""
    axes = slice(1 if model.signature.rowwise else 0, None)
    sized = [spec for spec in model.signature.inputs if spec.datatype == "BYTES" or FREE in spec.shape[axes]]
    return RowSizes(sized, known) if sized else None


def row_size(model: LoadedModel, request: InferRequest) -> float:
    """The average size of a row of this request; 0 if all rows have the same size."""
    sizes = row_sizes(model, 0.0)
    if sizes is None:
        return 0.0
    sizes.was_quick([request], request.rows)
    return sizes.known


def _characters(array: Array) -> int:
    """The characters of all values, and 1 for each value. A missing value is None."""
    if array.size == 1:  # the most common case, a row of a table with one input per column: four times as fast
        value = array.item()
        return 1 + len(value) if value else 1
    return array.size + sum(len(value) for value in array.ravel().tolist() if value)
