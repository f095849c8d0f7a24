"""The reference: a fitted estimator's own methods, with rows in the form that it was fitted with."""

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
    """Serves a model by its own methods. A fast path replaces it only after a parity check."""

    estimator: Any
    read: Read
    outputs: Outputs
    copies: bool
    """Whether it contains code that is not a library's, which may change its input arrays and reuse the arrays that it returned."""

    def predict(self, inputs: Tensors, wanted: Sequence[str]) -> Tensors:
        """The wanted outputs. Raises what the estimator raises, and InvalidRequest for inputs that cannot be read."""
        with warnings_ignored():
            returned = self.outputs.of(self.estimator, self.read(inputs), wanted, copies=self.copies)
        return {name: array.copy() for name, array in returned.items()} if self.copies else returned


@contextmanager
def warnings_ignored() -> Iterator[None]:
    """Ignore warnings in this block: an estimator emits one for each call with an unknown category."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
