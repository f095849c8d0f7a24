"""The last step of a compiled model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def likeliest(found: Array) -> Array:
    """The index of the greatest value of each row."""
    indices: Array = found.argmax(axis=1)
    return indices


def unchanged(found: Array) -> Array:
    """The same array."""
    return found
