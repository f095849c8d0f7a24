"""Gradient boosting: the trees of all iterations in one call, without checks of the rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.ensemble._gradient_boosting import predict_stages
from sklearn.ensemble._hist_gradient_boosting._predictor import _predict_from_raw_data

from modelyard.runtimes.sklearn.compiled.flat_trees import fits, joined_nodes, numbered
from modelyard.runtimes.sklearn.compiled.head import CompiledTrees, Head, NotCompiledError, likeliest
from modelyard.runtimes.sklearn.compiled.threshold_rows import Nodes, threshold_rows
from modelyard.tensors import Array

BOOSTED = (GradientBoostingClassifier, GradientBoostingRegressor)
HISTOGRAMS = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
MAX_FLAT_ROWS = 128
"""Larger batches go to scikit-learn. Measured: 100 trees of 61 nodes are faster at once up to 128 rows."""


def compiled(final: Any) -> CompiledTrees | None:
    """Fitted gradient boosting, compiled; None for other estimators. Raises NotCompiledError for options that are not supported."""
    if type(final) in BOOSTED:
        return CompiledBoosting(final)
    return CompiledHistograms(final) if type(final) in HISTOGRAMS else None


class CompiledBoosting:
    """Gradient boosting that starts from a constant."""

    def __init__(self, final: Any) -> None:
        """Raises NotCompiledError for options that are not supported."""
        if not (final.init_ == "zero" or type(final.init_) in (DummyClassifier, DummyRegressor)):
            raise NotCompiledError("its trees start from the predictions of another estimator")
        self._stages, self._rate = final.estimators_, final.learning_rate
        self._start = final._raw_predict_init(np.zeros((1, final.n_features_in_), np.float32))
        is_classifier = type(final) is GradientBoostingClassifier
        self._safe = final.decision_function if is_classifier else final.predict
        self._scores = _scores_of(final) if is_classifier else None

    @property
    def head(self) -> Head:
        """See CompiledTrees."""
        return Head(self.raw, _from_zero, self._scores) if self._scores else Head(self.raw, value=_flat)

    def raw(self, rows: Array) -> Array:
        """The sum of all trees. Rows that are not finite go to scikit-learn, which rejects them."""
        with np.errstate(over="ignore"):
            narrow = np.ascontiguousarray(rows, dtype=np.float32)
            if not np.isfinite(narrow).all():
                rejected: Array = self._safe(rows)
                return rejected
        total: Array = np.repeat(self._start, len(narrow), axis=0)
        predict_stages(self._stages, narrow, self._rate, total)
        return total

    def checked(self, base: Array) -> Iterator[tuple[Array, bool]]:
        """See CompiledTrees. The trees are the model's own, so none differs."""
        for estimator in self._stages.ravel():
            yield threshold_rows(Nodes.of_tree(estimator.tree_), np.asarray(base, np.float32)), False


class CompiledHistograms:
    """Histogram gradient boosting without categories."""

    def __init__(self, final: Any) -> None:
        """Raises NotCompiledError for options that are not supported."""
        if final._preprocessor is not None or final._bin_mapper.is_categorical_.any():
            raise NotCompiledError("categories are not supported")
        self._own_raw = final._raw_predict
        self._predictors = [each for iteration in final._predictors for each in iteration]
        self._categories, self._map = final._bin_mapper.make_known_categories_bitsets()
        width, starts = final.n_features_in_, np.ravel(final._baseline_prediction)
        constants = [_constant(value, self._predictors[0].nodes.dtype) for value in starts]
        trees = [*constants, *(each.nodes for each in self._predictors)]
        self._nodes, _ = joined_nodes(trees, width, ("left", "right", "feature_idx", "num_threshold"))
        self._bitsets = self._predictors[0].raw_left_cat_bitsets
        self._numbers = np.arange(len(trees), dtype=np.float64)
        self._outputs = len(starts)
        is_classifier = type(final) is HistGradientBoostingClassifier
        self._scores = _scores_of(final) if is_classifier else None
        self._inverse = final._loss.link.inverse

    @property
    def head(self) -> Head:
        """See CompiledTrees."""
        if self._scores:
            return Head(self.raw, _above_zero, self._scores)
        inverse = self._inverse
        return Head(self.raw, value=lambda found: inverse(found.ravel()))

    def raw(self, rows: Array) -> Array:
        """The sum of all trees for each row, in scikit-learn's order of additions and with its layout in memory."""
        wide = np.asarray(rows, np.float64)
        if not fits(wide, len(self._numbers), MAX_FLAT_ROWS):
            own: Array = self._own_raw(rows)
            return own
        values = self._values(wide, self._numbers).reshape(-1, self._outputs, len(wide))
        total: Array = np.cumsum(values, axis=0)[-1].T  # `cumsum` adds one after the other; `sum` does not
        return total

    def _values(self, rows: Array, numbers: Array) -> Array:
        """Of each row in each tree with one of these numbers."""
        repeated = numbered(rows, numbers)
        out = np.empty(len(repeated))
        _predict_from_raw_data(self._nodes, repeated, self._bitsets, self._categories, self._map, 1, out)
        return out

    def checked(self, base: Array) -> Iterator[tuple[Array, bool]]:
        """See CompiledTrees. The values are compared, also of rows with missing values."""
        for number, predictor in enumerate(self._predictors, start=self._outputs):
            nodes = predictor.nodes
            found = Nodes(nodes["left"], nodes["right"], nodes["feature_idx"], nodes["num_threshold"])
            rows = threshold_rows(found, np.asarray(base, np.float64), missing=True)
            own = predictor.predict(rows, self._categories, self._map, 1)
            yield rows, not np.array_equal(self._values(rows, self._numbers[[number]]), own)


def _constant(value: float, dtype: np.dtype[Any]) -> Array:
    """A tree of one leaf."""
    leaf = np.zeros(1, dtype)
    leaf["value"], leaf["is_leaf"] = value, 1
    return leaf


def _scores_of(final: Any) -> Any:
    is_binary = len(final.classes_) == 2
    predict = final._loss.predict_proba
    return (lambda found: predict(found.ravel())) if is_binary else predict


def _flat(found: Array) -> Array:
    return found.ravel()


def _from_zero(found: Array) -> Array:
    return (found.ravel() >= 0).astype(np.intp) if found.shape[1] == 1 else likeliest(found)


def _above_zero(found: Array) -> Array:
    return (found.ravel() > 0).astype(np.intp) if found.shape[1] == 1 else likeliest(found)
