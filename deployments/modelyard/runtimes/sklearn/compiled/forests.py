"""Forests and single trees: one call for all trees, added in scikit-learn's order."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from modelyard.runtimes.sklearn.compiled.flat_trees import FlatForest, fits
from modelyard.runtimes.sklearn.compiled.head import (
    CompiledTrees,
    Function,
    Head,
    NotCompiledError,
    likeliest,
    unchanged,
)
from modelyard.runtimes.sklearn.compiled.kernels import weighted_sums
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows
from modelyard.runtimes.sklearn.compiled.threshold_rows import Nodes, threshold_rows
from modelyard.tensors import Array

CLASSIFIERS = (ExtraTreesClassifier, RandomForestClassifier, DecisionTreeClassifier, ExtraTreeClassifier)
REGRESSORS = (ExtraTreesRegressor, RandomForestRegressor, DecisionTreeRegressor, ExtraTreeRegressor)
MAX_FLAT_ROWS = 64
"""Larger batches go tree by tree. Measured: 100 trees of 17 nodes are faster at once up to 256 rows, of 600 nodes up to 64."""


def compiled(final: Any) -> CompiledTrees | None:
    """A fitted forest or tree, compiled; None for other estimators. Raises NotCompiledError for options that are not supported."""
    return CompiledForest(final) if type(final) in (*CLASSIFIERS, *REGRESSORS) else None


class CompiledForest:
    """A forest, or a single tree, with one output."""

    def __init__(self, final: Any) -> None:
        """Raises NotCompiledError for options that are not supported."""
        if final.n_outputs_ != 1:
            raise NotCompiledError("it has several outputs")
        estimators = getattr(final, "estimators_", [final])
        self._trees = [estimator.tree_ for estimator in estimators]
        self._width = final.n_features_in_
        self._flat = FlatForest(self._trees, self._width) if len(self._trees) > 1 else None
        self._safe = final.predict_proba if type(final) in CLASSIFIERS else _column(final.predict)
        self._accepts_missing = estimators[0]._support_missing_values(np.zeros((1, 1)))
        self._is_classifier = type(final) in CLASSIFIERS

    @property
    def head(self) -> Head:
        """See CompiledTrees."""
        return Head(self.mean, likeliest, unchanged) if self._is_classifier else Head(self.mean, value=_first)

    def mean(self, rows: Array) -> Array:
        """The mean of the trees' values for each row. Rows that scikit-learn would reject go to scikit-learn."""
        with np.errstate(over="ignore"):  # values that are too large become infinite, and scikit-learn rejects them
            narrow = np.ascontiguousarray(rows, dtype=np.float32)
            if not np.isfinite(narrow).all() and (not self._accepts_missing or np.isinf(narrow).any()):
                return self._safe(rows)
        first, count = self._trees[0], len(self._trees)
        if self._flat is None:
            only: Array = first.predict(narrow)
            return only
        if fits(narrow, count, MAX_FLAT_ROWS):
            leaves = self._flat.leaves(narrow).ravel()
            ends = np.arange(0, len(leaves) + 1, count)
            values = self._flat.values
            total = weighted_sums(SparseRows(ends, leaves, np.ones(len(leaves)), len(values)), values)
        else:
            total = first.predict(narrow)
            for tree in self._trees[1:]:
                total += tree.predict(narrow)
        total /= count
        return total

    def checked(self, base: Array) -> Iterator[tuple[Array, bool]]:
        """See CompiledTrees. Leaves and their values are compared. A single tree is the model's own."""
        narrow = np.asarray(base, np.float32)
        for number, tree in enumerate(self._trees):
            rows = threshold_rows(Nodes.of_tree(tree), narrow, missing=self._accepts_missing)
            yield rows, self._flat is not None and _differs(self._flat, number, tree, rows)


def _differs(flat: FlatForest, number: int, tree: Any, rows: Array) -> bool:
    leaves = flat.leaves(rows, flat.numbers[[number]])[:, 0]
    same_leaves = np.array_equal(leaves, tree.apply(rows) + flat.offsets[number])
    return not (same_leaves and np.array_equal(flat.values[leaves], tree.predict(rows)))


def _first(found: Array) -> Array:
    return found[:, 0]


def _column(predict: Callable[[Any], Array]) -> Function:
    return lambda rows: predict(rows)[:, np.newaxis]
