"""The model itself: a fitted estimator's own methods, on rows as it was fitted with them."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.runtimes.sklearn.outputs import Outputs
from modelyard.runtimes.sklearn.table.rows import Read
from modelyard.tensors import Tensors


@dataclass(frozen=True, slots=True)
class Reference:
    """How a model is served unless a faster way was proved to give the same."""

    estimator: Any
    read: Read
    outputs: Outputs
    copies: bool
    """Whether it holds other code than the libraries', which may change the arrays that it gets, and go on using those that it
    returned."""

    def predict(self, inputs: Tensors, wanted: Sequence[str]) -> Tensors:
        """The wanted outputs. Raises what the estimator raises, and InvalidRequest for inputs that cannot be read."""
        with warnings_ignored():
            given = self.outputs.of(self.estimator, self.read(inputs), wanted, copies=self.copies)
        return {name: array.copy() for name, array in given.items()} if self.copies else given


@contextmanager
def warnings_ignored() -> Iterator[None]:
    """Without warnings: an estimator gives one for each call with a category that it does not know."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
