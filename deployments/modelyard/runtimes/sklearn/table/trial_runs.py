"""Runs a fitted estimator with trial rows, while its table is not yet known."""

from collections.abc import Sequence
from typing import Any

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.outputs import dense
from modelyard.runtimes.sklearn.parts import holds_other_code, without_names
from modelyard.runtimes.sklearn.reference import warnings_ignored
from modelyard.runtimes.sklearn.table import synthetic_rows
from modelyard.runtimes.sklearn.table.rows import Read, arrays, frames
from modelyard.runtimes.sklearn.table.table import Table
from modelyard.tensors import Array


class FittedEstimator:
    """An estimator, and the form of its rows: a data frame if it was fitted with one, else an array.

    An estimator does not store whether it was fitted with a frame whose column names are numbers. With `numbered`, it gets one.
    """

    def __init__(self, estimator: Any, is_frame: bool, *, numbered: bool = False) -> None:
        self.estimator = estimator
        self.has_other_code = holds_other_code(estimator)
        self._frames = is_frame or numbered
        self.is_numbered = numbered
        if is_frame and not self.has_other_code:
            try:
                import pandas as pd  # noqa: F401, PLC0415 - a large library; scikit-learn's own estimators work without
            except ModuleNotFoundError:
                self.estimator = without_names(estimator)
                self._frames = False

    def read(self, table: Table | None) -> Read:
        """The function from a request to the estimator's X. Raises LoadError if a data frame is needed without pandas."""
        return frames(table, numbered=self.is_numbered) if table is not None and self._frames else arrays(table)

    def rows(self, table: Table, values: synthetic_rows.Values) -> Any:
        """The estimator's X for these values."""
        return self.read(table)(synthetic_rows.tensors(table, values))

    def predict(self, rows: Any) -> Sequence[Array]:
        """All outputs of the estimator for these rows. Raises what the estimator raises."""
        names = ("predict", "predict_proba") if hasattr(self.estimator, "predict") else ("transform",)
        with warnings_ignored():
            outputs = [
                getattr(self.estimator, name)(rows.copy() if self.has_other_code else rows)
                for name in names
                if hasattr(self.estimator, name)
            ]
        return [dense(array) for each in outputs for array in (each if isinstance(each, list) else [each])]

    def trial(self, table: Table, values: synthetic_rows.Values) -> Sequence[Array] | None:
        """The same for these values; None if the estimator rejects them."""
        try:
            return self.predict(self.rows(table, values))
        except LoadError:
            raise
        except Exception:  # noqa: BLE001 - an operator's code may raise any exception for unexpected values
            return None
