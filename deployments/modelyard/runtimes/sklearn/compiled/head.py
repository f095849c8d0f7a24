"""The last step of a compiled model: its functions, trees that have them, and the error of one that is not compiled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from modelyard.tensors import Array

Function = Callable[[Any], Array]


@dataclass(frozen=True, slots=True)
class Head:
    """Functions that equal the methods of a classifier or a regressor. `raw` does the work; the others take what it returned, and
    may change it in place."""

    raw: Function
    """From the rows of the last step to decision values, probabilities or a regressor's sums."""
    indices: Function | None = None
    """To the index of each row's class; None for a regressor."""
    scores: Function | None = None
    """To `predict_proba`; None if the classifier has none."""
    value: Function | None = None
    """To `predict` of a regressor."""


class CompiledTrees(Protocol):
    """A forest, a tree or gradient boosting.

    It does not hold its head, whose functions hold it: the memory of objects in a cycle returns only when the garbage collector
    finds them, and that excludes loaded models.
    """

    @property
    def head(self) -> Head:
        """Its functions."""

    def checked(self, base: Array) -> Iterator[tuple[Array, bool]]:
        """For each tree: rows like `base` on each side of every threshold, and whether the compiled tree differs on one of them."""


class NotCompiledError(Exception):
    """A fitted estimator has an option that is not compiled. Its one argument is the reason, for the operator."""


def likeliest(found: Array) -> Array:
    """The index of the greatest value of each row."""
    indices: Array = found.argmax(axis=1)
    return indices


def unchanged(found: Array) -> Array:
    """The same array."""
    return found
