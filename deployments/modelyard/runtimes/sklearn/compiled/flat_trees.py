"""Many trees as one: a tree whose first levels select a tree by its number, which is an additional column of each row.

scikit-learn's own compiled code walks through it. One call computes the leaves of all trees, where scikit-learn makes one call for
each tree. Thresholds, missing values and comparisons are the same by construction.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.tree._tree import Tree

from modelyard.runtimes.sklearn.compiled.head import NotCompiledError
from modelyard.tensors import Array

MAX_BYTES = 64 * 2**20
"""The largest copy of a model's trees: the model's own trees stay in memory for large batches."""

MAX_NUMBERED_BYTES = 4 * 2**20
"""The largest copy of a batch's rows, one for each tree. With more rows, the calls that it saves take less time than the copy."""


def fits(rows: Array, trees: int, max_rows: int) -> bool:
    """Whether all trees at once take less time for these rows than one call for each tree."""
    return len(rows) <= max_rows and rows.nbytes * trees <= MAX_NUMBERED_BYTES


def selector(count: int) -> list[tuple[int, int, float]]:
    """The inner nodes of a balanced tree that selects one of `count` trees: (left child, right child, threshold) of each.

    Its root is node 0. A child below 0 is the tree with the number -1 - child. With one tree, there is no node.
    """
    nodes: list[tuple[int, int, float]] = []

    def add(first: int, last: int) -> int:
        if first == last:
            return -1 - first
        middle, own = (first + last) // 2, len(nodes)
        nodes.append((0, 0, middle + 0.5))
        nodes[own] = (add(first, middle), add(middle + 1, last), middle + 0.5)
        return own

    add(0, count - 1)
    return nodes


def numbered(rows: Array, numbers: Array) -> Array:
    """All rows once for each number, with the number as an additional column: first all rows with the first number, so that the
    nodes of one tree stay in the processor's cache."""
    count, width = rows.shape
    repeated = np.empty((len(numbers), count, width + 1), rows.dtype)
    repeated[:, :, :width] = rows
    repeated[:, :, width] = numbers[:, np.newaxis]
    return repeated.reshape(-1, width + 1)


def joined_nodes(trees: Sequence[Array], width: int, names: tuple[str, str, str, str]) -> tuple[Array, Array]:
    """The nodes of all trees behind those of a selector, and the offset of each tree's nodes.

    `names` are the fields for left child, right child, feature and threshold. Leaves keep their fields. Raises NotCompiledError
    if there are too many nodes.
    """
    left, right, feature, threshold = names
    chosen = selector(len(trees))
    sizes = [len(nodes) for nodes in trees]
    offsets = len(chosen) + np.concatenate(([0], np.cumsum(sizes[:-1], dtype=np.intp)))
    size = (len(chosen) + sum(sizes)) * trees[0].dtype.itemsize
    if size > MAX_BYTES:
        raise NotCompiledError(f"its trees have {size / 2**20:.0f} MiB of nodes, more than {MAX_BYTES / 2**20:.0f} MiB")
    joined = np.concatenate((np.zeros(len(chosen), trees[0].dtype), *trees))
    for number, (low, high, border) in enumerate(chosen):
        node = joined[number : number + 1]
        node[left] = low if low > 0 else offsets[-1 - low]
        node[right] = high if high > 0 else offsets[-1 - high]
        node[feature], node[threshold] = width, border
    for nodes, offset in zip(trees, offsets, strict=True):
        part = joined[offset : offset + len(nodes)]
        inner = nodes[left] != nodes[right]
        for child in (left, right):
            part[child][inner] += int(offset)  # as a Python integer, it has the field's type
    return joined, offsets


class FlatForest:
    """The trees of a forest as one."""

    def __init__(self, trees: Sequence[Any], width: int) -> None:
        """`trees` are scikit-learn's `Tree` objects, with one output; rows have `width` columns."""
        states = [tree.__getstate__() for tree in trees]
        names = ("left_child", "right_child", "feature", "threshold")
        nodes, self.offsets = joined_nodes([state["nodes"] for state in states], width, names)
        first = trees[0]
        values = np.concatenate([state["values"] for state in states])
        values = np.concatenate((np.zeros((self.offsets[0], *values.shape[1:])), values))
        self._tree = Tree(width + 1, np.array([first.max_n_classes], np.intp), 1)
        depth = max(tree.max_depth for tree in trees) + int(self.offsets[0]).bit_length()
        self._tree.__setstate__({"max_depth": depth, "node_count": len(nodes), "nodes": nodes, "values": values})
        self.numbers = np.arange(len(trees), dtype=np.float32)
        self.values: Array = self._tree.value[:, 0, :]
        """Of each node, one row."""

    def leaves(self, rows: Array, numbers: Array | None = None) -> Array:
        """The leaf of each row in each tree, or in those with these numbers: an array of rows and trees."""
        chosen = self.numbers if numbers is None else numbers
        found: Array = self._tree.apply(numbered(rows, chosen))
        return found.reshape(len(chosen), len(rows)).T
