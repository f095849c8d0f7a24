"""Checks the decision trees of a file: C code uses their indices unchecked, so they are checked once at load."""

from itertools import chain
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, IsolationForest
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.tree._tree import Tree

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.parts import parts
from modelyard.tensors import Array

LEAF = -1
DAMAGED = "a decision tree of the model is damaged"


def check_trees(estimator: Any) -> None:
    """Raise LoadError if a tree would read outside its memory or contains a cycle. Source: skops.io.exceptions, 0.16."""
    try:
        for part in parts(estimator):
            _check_part(part)
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        raise LoadError(f"{DAMAGED}: {error}") from error


def _check_part(part: Any) -> None:
    """Check one estimator. An unfitted one, such as a template inside a meta-estimator, has no trees to check."""
    state = vars(part)
    if isinstance(tree := state.get("tree_"), Tree):
        inside = tree.children_left != LEAF
        _check(inside, tree.children_left, tree.children_right, tree.feature, part.n_features_in_)
    if isinstance(part, HistGradientBoostingClassifier | HistGradientBoostingRegressor) and "_predictors" in state:
        for predictor in chain.from_iterable(part._predictors):
            _check_predictor(predictor, part)
    if isinstance(part, BaseForest | BaseGradientBoosting | IsolationForest) and "estimators_" in state:
        _check_widths(part)


def _check_predictor(predictor: Any, part: Any) -> None:
    """One tree of histogram gradient boosting."""
    nodes = predictor.nodes
    inside = nodes["is_leaf"] == 0
    _check(inside, nodes["left"], nodes["right"], nodes["feature_idx"], part.n_features_in_)
    by_category = inside & (nodes["is_categorical"] != 0)
    if not part._bin_mapper.is_categorical_[nodes["feature_idx"][by_category]].all():
        raise LoadError(f"{DAMAGED}: it uses a number as a category")
    if (nodes["bitset_idx"][by_category] >= len(predictor.raw_left_cat_bitsets)).any():
        raise LoadError(f"{DAMAGED}: it refers to categories that it does not have")


def _check_widths(part: Any) -> None:
    """Check the widths of an ensemble's trees: the ensemble checks the width of its input once, and not for each tree."""
    trees = np.ravel(np.asarray(part.estimators_, dtype=object))
    chosen = getattr(part, "estimators_features_", None)
    widths = [part.n_features_in_] * len(trees) if chosen is None else [len(features) for features in chosen]
    if any(tree.n_features_in_ != width for tree, width in zip(trees, widths, strict=True)):
        raise LoadError(f"{DAMAGED}: it reads features that the model does not have")


def _check(inside: Array, left: Array, right: Array, feature: Array, features: int) -> None:
    """Check indices. scikit-learn numbers children after their parent, so a path with rising numbers cannot be endless."""
    here = np.flatnonzero(inside)
    for children in (left[inside].astype(np.int64), right[inside].astype(np.int64)):
        if (children <= here).any() or (children >= len(inside)).any():
            raise LoadError(f"{DAMAGED}: it refers to nodes that it does not have")
    if (feature[inside] < 0).any() or (feature[inside] >= features).any():
        raise LoadError(f"{DAMAGED}: it reads features that the model does not have")
