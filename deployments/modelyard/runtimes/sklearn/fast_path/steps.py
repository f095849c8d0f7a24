"""The steps of a pipeline as functions, without the checks that scikit-learn adds to every call."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]  # it ships no types
from sklearn.compose import ColumnTransformer

from modelyard.runtimes.sklearn.compiled.compilation import Compilation
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows
from modelyard.runtimes.sklearn.fast_path import linear
from modelyard.runtimes.sklearn.parts import steps

Function = Callable[[Any], Any]


def apply_all(functions: Sequence[Function], rows: Any) -> Any:
    """The result of applying the functions one after the other."""
    for function in functions:
        rows = function(rows)
    return rows


def transforms_of(
    estimators: Sequence[Any], datatypes: Sequence[str], rows: Any, compilation: Compilation, *, dense: bool = False
) -> tuple[list[Function], Any]:
    """The functions of a fitted pipeline's steps, and what they return for `rows`, an example: SparseRows if the last step is a
    compiled text vectorizer. `datatypes` are those of its columns. With `dense`, the last may return an array in place of a sparse
    matrix."""
    functions: list[Function] = []
    waiting = [*estimators]
    while waiting:
        step, count = waiting[0], 1
        function: Function
        if _are_texts(rows) and (compiled := compilation.vectorizer(waiting)):
            function, count = compiled
        elif isinstance(rows, SparseRows):
            function, count = SparseRows.scipy, 0
        elif _are_objects(rows) and (encode := compilation.encoder(step, dense=dense and len(waiting) == 1)):
            function = encode
        elif isinstance(step, ColumnTransformer):
            function = _by_columns(step, datatypes, rows, compilation)
        else:
            function = fast_if_equal(step.transform, linear.scale(step), rows)
        functions.append(function)
        rows, datatypes = function(rows), ()
        waiting = waiting[count:]
    return functions, rows


def matrix_transforms_of(
    estimators: Sequence[Any], datatypes: Sequence[str], rows: Any, compilation: Compilation, *, dense: bool = False
) -> tuple[list[Function], Any]:
    """The same, with a SciPy matrix in place of SparseRows."""
    functions, rows = transforms_of(estimators, datatypes, rows, compilation, dense=dense)
    return ([*functions, SparseRows.scipy], rows.scipy()) if isinstance(rows, SparseRows) else (functions, rows)


def _are_texts(rows: Any) -> bool:
    return isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype == object


def _are_objects(rows: Any) -> bool:
    return isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.dtype == object


def fast_if_equal(safe: Function, fast: Function | None, rows: Any) -> Function:
    """The fast function, if it supports such rows and returns the same for these; else the safe one."""
    if fast is None or getattr(rows, "dtype", None) != np.float64:
        return safe
    try:
        same = np.allclose(fast(rows), safe(rows), rtol=1e-12, atol=1e-12)
    except (TypeError, ValueError, AttributeError):
        return safe
    return fast if same else safe


def _by_columns(part: ColumnTransformer, datatypes: Sequence[str], rows: Any, compilation: Compilation) -> Function:
    """A function that equals its `transform`, for arrays. Each transformer gets the types that a data frame holds: numbers next to
    text are not Python objects, and single precision stays single next to other columns."""
    weights = part.transformer_weights or {}
    blocks: list[tuple[Any, type[np.floating[Any]] | None, list[Function], float]] = []
    for name, transformer, chosen in part.transformers_:
        indices = np.atleast_1d(chosen)
        if (isinstance(transformer, str) and transformer == "drop") or not len(indices):
            continue
        dtype = _float_of({datatypes[index] for index in indices}) if datatypes else None
        block = _block(rows, chosen, dtype)
        inner = [] if isinstance(transformer, str) else steps(transformer)
        inside, _ = matrix_transforms_of(inner, (), block, compilation, dense=not part.sparse_output_)
        blocks.append((chosen, dtype, inside, weights.get(name, 1.0)))

    def transform(table: Any) -> Any:
        found = [
            apply_all(functions, _block(table, chosen, dtype))
            if weight == 1.0
            else apply_all(functions, _block(table, chosen, dtype)) * weight
            for chosen, dtype, functions, weight in blocks
        ]
        if part.sparse_output_:
            return sparse.hstack(
                [block if sparse.issparse(block) else block.astype(np.float64) for block in found]
            ).tocsr()
        return np.hstack([block.toarray() if sparse.issparse(block) else block for block in found])

    return transform


def _float_of(datatypes: set[str]) -> type[np.floating[Any]] | None:
    """The float type that scikit-learn converts columns of these datatypes to; None if one of them is text."""
    if "BYTES" in datatypes:
        return None
    return np.float32 if "FP32" in datatypes and datatypes <= {"FP32", "BOOL"} else np.float64


def _block(table: Any, chosen: Any, dtype: type[np.floating[Any]] | None) -> Any:
    block = table[:, chosen]
    return block if dtype is None else block.astype(dtype, copy=False)
