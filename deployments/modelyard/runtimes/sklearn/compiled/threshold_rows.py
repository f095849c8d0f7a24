"""Rows that reach every node of a tree, with values on its threshold and one unit in the last place to each side."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.runtimes.sklearn.compiled.head import NotCompiledError
from modelyard.tensors import Array

MAX_VALUES = 2**23
"""The largest number of values in the rows of one tree."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of one tree. A node whose children are equal is a leaf."""

    left: Array
    right: Array
    feature: Array
    threshold: Array

    @classmethod
    def of_tree(cls, tree: Any) -> "Nodes":
        """Of scikit-learn's `Tree`."""
        return cls(tree.children_left, tree.children_right, tree.feature, tree.threshold)


def threshold_rows(nodes: Nodes, base: Array, *, missing: bool = False) -> Array:
    """Rows like `base`, with its dtype, which decides how far one unit is: for each inner node four of them, from two units
    below the threshold to two above, all on the way to that node. With `missing`, also one with NaN at that node.

    Raises NotCompiledError if the rows would be too large.
    """
    count, width = len(nodes.left), len(base)
    if count * width > MAX_VALUES:
        raise NotCompiledError(f"a tree of {count} nodes and {width} columns is too large to be checked")
    rows = np.empty((count, width), base.dtype)
    rows[0] = base
    more = []
    level = np.zeros(1, np.intp)
    while len(inner := level[nodes.left[level] != nodes.right[level]]):
        feature, here = nodes.feature[inner], rows[inner]
        below = _at_most(nodes.threshold[inner], base.dtype)
        above = np.nextafter(below, base.dtype.type(np.inf))
        if missing:  # an infinite threshold divides missing values from all others
            above[np.isposinf(nodes.threshold[inner])] = np.nan
        left, right = nodes.left[inner].astype(np.intp), nodes.right[inner].astype(np.intp)
        rows[left], rows[right] = _changed(here, feature, below), _changed(here, feature, above)
        more.append(_changed(here, feature, np.nextafter(below, base.dtype.type(-np.inf))))
        more.append(_changed(here, feature, np.nextafter(above, base.dtype.type(np.inf))))
        if missing:
            more.append(_changed(here, feature, np.full(len(inner), np.nan, base.dtype)))
        level = np.concatenate((left, right))
    return np.concatenate((rows, *more))


def _at_most(thresholds: Array, dtype: np.dtype[Any]) -> Array:
    """The greatest finite number of this dtype that is not above each threshold."""
    with np.errstate(over="ignore"):
        nearest = np.minimum(thresholds, np.finfo(dtype).max).astype(dtype)
        return np.where(nearest > thresholds, np.nextafter(nearest, dtype.type(-np.inf)), nearest)


def _changed(rows: Array, columns: Array, values: Array) -> Array:
    changed = rows.copy()
    changed[np.arange(len(rows)), columns] = values
    return changed
