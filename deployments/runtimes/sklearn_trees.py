"""Decision trees of a file: their indices are used unchecked in C, so they are checked here, once."""

from typing import Any

import numpy as np

from deployments.runtimes.base import LoadError
from deployments.runtimes.sklearn_parts import parts
from deployments.tensors import Array


def check_trees(estimator: Any) -> None:
    """Raise LoadError if a tree would read outside its memory or go in circles. Source: skops.io.exceptions, 0.16."""
    for part in parts(estimator):
        tree = vars(part).get("tree_")
        if tree is not None:
            inside = tree.children_left != -1
            _check(inside, tree.children_left, tree.children_right, tree.feature, part.n_features_in_)
        for predictor in np.ravel(np.asarray(vars(part).get("_predictors", []), dtype=object)):
            nodes = predictor.nodes
            inside = nodes["is_leaf"] == 0
            _check(inside, nodes["left"], nodes["right"], nodes["feature_idx"], part._n_features)
            sets = nodes["bitset_idx"][inside & (nodes["is_categorical"] != 0)]
            if sets.size and sets.max() >= len(predictor.raw_left_cat_bitsets):
                raise LoadError(
                    "a decision tree of the model is damaged: it points at categories that it does not have"
                )


def _check(inside: Array, left: Array, right: Array, feature: Array, features: int) -> None:
    """scikit-learn numbers nodes so that children come after their parent; then no path is endless."""
    here = np.flatnonzero(inside)
    for children in (left[inside].astype(np.int64), right[inside].astype(np.int64)):
        if (children <= here).any() or (children >= len(inside)).any():
            raise LoadError("a decision tree of the model is damaged: it points at nodes that it does not have")
    if (feature[inside] < 0).any() or (feature[inside] >= features).any():
        raise LoadError("a decision tree of the model is damaged: it asks for features that the model does not take")
