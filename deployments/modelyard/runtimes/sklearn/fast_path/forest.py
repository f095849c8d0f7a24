"""Forests tree by tree.

scikit-learn gives each tree to a pool of threads, even to one of one thread, which takes longer than the trees do.
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
    """What `predict_proba` of this fitted forest does; None where it is no forest with one label a row."""
    if type(forest) not in CLASSIFIERS or forest.n_outputs_ != 1:
        return None
    return _mean(forest, forest.predict_proba)


def value(forest: Any) -> Function | None:
    """What `predict` of this fitted forest does; None where it is no forest with one number a row."""
    if type(forest) not in REGRESSORS or forest.n_outputs_ != 1:
        return None
    mean = _mean(forest, lambda rows: forest.predict(rows)[:, np.newaxis])
    return lambda rows: mean(rows)[:, 0]


def _mean(forest: Any, safe: Function) -> Function:
    """Of the trees, added up in scikit-learn's order. Rows that are not finite are left to scikit-learn."""
    first, *others = [tree.tree_ for tree in forest.estimators_]
    count = len(others) + 1

    def mean(rows: Array) -> Array:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and scikit-learn refuses it
            narrow = np.ascontiguousarray(rows, dtype=np.float32)
            if not np.isfinite(narrow).all():
                return safe(rows)
        total: Array = first.predict(narrow)
        for tree in others:
            total += tree.predict(narrow)
        total /= count
        return total

    return mean
