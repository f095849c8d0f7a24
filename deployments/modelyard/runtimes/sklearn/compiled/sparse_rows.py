"""Rows of a sparse matrix as three plain arrays.

The constructor of a SciPy matrix takes longer than the arithmetic of a few rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]  # it ships no types

from modelyard.tensors import Array

Vectorize = Callable[[Any], "SparseRows"]
"""From an array of texts to rows."""


@dataclass(slots=True)
class SparseRows:
    """Rows in the form of SciPy's CSR matrices. The indices of each row are sorted and unique. The arrays may change in place."""

    indptr: Array
    indices: Array
    data: Array
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """As of a matrix."""
        return len(self.indptr) - 1, self.width

    @classmethod
    def of(cls, matrix: Any) -> "SparseRows":
        """The rows of a SciPy matrix in CSR form, with the same arrays."""
        return cls(matrix.indptr, matrix.indices, matrix.data, matrix.shape[1])

    def scipy(self) -> Any:
        """A SciPy matrix with the same arrays."""
        return sparse.csr_matrix((self.data, self.indices, self.indptr), self.shape)


def side_by_side(blocks: Sequence[SparseRows]) -> SparseRows:
    """The columns of all blocks, which have the same rows."""
    first = blocks[0]
    counts = np.stack([np.diff(block.indptr) for block in blocks], axis=1)
    ends = np.cumsum(counts.ravel(), dtype=first.indptr.dtype).reshape(counts.shape)
    indptr = np.concatenate((first.indptr[:1], ends[:, -1]))
    indices = np.empty(indptr[-1], first.indices.dtype)
    data = np.empty(indptr[-1], np.result_type(*(block.data for block in blocks)))
    offset = 0
    for number, block in enumerate(blocks):
        shift = np.repeat(ends[:, number] - block.indptr[1:], counts[:, number])
        target = np.arange(len(block.data)) + shift
        indices[target] = block.indices + offset
        data[target] = block.data
        offset += block.width
    return SparseRows(indptr, indices, data, offset)
