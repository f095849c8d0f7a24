"""The reference: a fitted estimator's own methods, with rows in the form that it was fitted with."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from modelyard.runtimes.process import PROCESS
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
    if PROCESS.holds_many_models:
        _ignore_for_good()
        with np.errstate(all="ignore"):
            yield
        return
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


_FILTERS = [
    ("always", None, InconsistentVersionWarning, None, 0),
    ("ignore", None, Warning, re.compile(MODULES := r"(sklearn|modelyard)\b"), 0),
]
"""As `warnings` has them: a load records the first kind, and the second kind is ignored."""


def _ignore_for_good() -> None:
    """Ignore the warnings of estimators until the process ends. Does nothing where that is so already.

    The filters belong to the process. Other models are called and loaded at the same time, so they cannot change for each call: a
    load would miss that a file was made with another version of scikit-learn. And a model may have put others before them.
    """
    if warnings.filters[:2] != _FILTERS:
        warnings.filterwarnings("ignore", module=MODULES)
        warnings.simplefilter("always", InconsistentVersionWarning)
