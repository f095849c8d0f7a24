"""The functions that SciPy's own matrices call, so that sums have the same order and the same rounding."""

import numpy as np

# Private to SciPy. If a release moves it, nothing that needs it is compiled.
from scipy.sparse import _sparsetools  # type: ignore[import-untyped]  # it ships no types

from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows
from modelyard.tensors import Array


def sort(rows: SparseRows) -> None:
    """Sort the indices of each row, in place."""
    _sparsetools.csr_sort_indices(len(rows.indptr) - 1, rows.indptr, rows.indices, rows.data)


def sum_duplicates(rows: SparseRows) -> None:
    """Sort the indices of each row, and add up the values of equal ones, in place."""
    sort(rows)
    _sparsetools.csr_sum_duplicates(len(rows.indptr) - 1, rows.width, rows.indptr, rows.indices, rows.data)
    count = rows.indptr[-1]
    rows.indices, rows.data = rows.indices[:count], rows.data[:count]


def weighted_sums(rows: SparseRows, weights: Array) -> Array:
    """For each row: the rows of `weights` at its indices, times its data, added one after the other.

    `weights` must be contiguous in C order, with as many rows as `rows` has columns.
    """
    count, (height, width) = len(rows.indptr) - 1, weights.shape
    total = np.zeros((count, width), np.result_type(rows.data, weights))
    arrays = rows.indptr, rows.indices, rows.data, weights.ravel(), total.ravel()
    if width == 1:
        _sparsetools.csr_matvec(count, height, *arrays)
    else:
        _sparsetools.csr_matvecs(count, height, width, *arrays)
    return total
