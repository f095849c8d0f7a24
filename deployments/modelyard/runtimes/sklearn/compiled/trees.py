"""The interface of compiled trees."""

from collections.abc import Iterator
from typing import Protocol

from modelyard.runtimes.sklearn.compiled.head import Head
from modelyard.tensors import Array


class CompiledTrees(Protocol):
    """A forest, a tree or gradient boosting."""

    head: Head

    def checked(self, base: Array) -> Iterator[tuple[Array, bool]]:
        """For each tree: rows like `base` on each side of every threshold, and whether the compiled tree differs on one of them."""
