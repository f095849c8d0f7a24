"""Computes forests tree by tree, without a thread pool.

scikit-learn runs each tree in a pool of threads, even in a pool of one thread, which takes longer than the trees themselves.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

from modelyard.tensors import Array

Function = Callable[[Any], Array]

CLASSIFIERS = (ExtraTreesClassifier, RandomForestClassifier)
REGRESSORS = (ExtraTreesRegressor, RandomForestRegressor)


def probabilities(forest: Any) -> Function | None:
    """A function that equals `predict_proba` of this fitted forest; None if it is not a forest with one label per row."""
    if type(forest) not in CLASSIFIERS or forest.n_outputs_ != 1:
        return None
    return _mean(forest, forest.predict_proba)


def value(forest: Any) -> Function | None:
    """A function that equals `predict` of this fitted forest; None if it is not a forest with one number per row."""
    if type(forest) not in REGRESSORS or forest.n_outputs_ != 1:
        return None
    mean = _mean(forest, lambda rows: forest.predict(rows)[:, np.newaxis])
    return lambda rows: mean(rows)[:, 0]


def _mean(forest: Any, safe: Function) -> Function:
    """The mean of the trees, added in scikit-learn's order. Rows that are not finite go to scikit-learn itself."""
    first, *others = [tree.tree_ for tree in forest.estimators_]
    count = len(others) + 1

    def mean(rows: Array) -> Array:
        with np.errstate(over="ignore"):  # values that are too large become infinite, and scikit-learn rejects them
            narrow = np.ascontiguousarray(rows, dtype=np.float32)
            if not np.isfinite(narrow).all():
                return safe(rows)
        total: Array = first.predict(narrow)
        for tree in others:
            total += tree.predict(narrow)
        total /= count
        return total

    return mean
