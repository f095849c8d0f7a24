"""Finds columns that a model does not read, which requests may omit, by trying other values in their place."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from modelyard.runtimes.sklearn.fast_path.parity import equal
from modelyard.runtimes.sklearn.parts import parts
from modelyard.runtimes.sklearn.table.columns import categories_of
from modelyard.runtimes.sklearn.table.synthetic_rows import phrases
from modelyard.runtimes.sklearn.table.table import UNKNOWN, Column, Table
from modelyard.tensors import Array

Predict = Callable[[Any], Sequence[Array]]
"""From a data frame or an array to the model's outputs. Raises what the model raises."""

MAX_VALUES = 64


class RaisesOnUse:
    """A value that raises TypeError if code compares, hashes, converts or prints it."""

    def _raise(self, *_: object) -> NoReturn:
        raise TypeError("this column is read")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __bool__ = _raise
    __float__ = __int__ = __index__ = __complex__ = __str__ = __repr__ = __len__ = __iter__ = _raise
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __mod__ = __neg__ = __abs__ = _raise


def mark_unused_columns(table: Table, estimator: Any, rows: Any, predict: Predict) -> Table:
    """The table, in which every column with `is_read` False has passed a check that the model does not read it.

    Columns that fail the check become UNKNOWN. Columns of an unknown datatype that pass it are marked as not read. `rows` is an
    example that the model accepts.
    """
    candidates = [index for index, each in enumerate(table.columns) if not each.is_read or each.datatype == UNKNOWN]
    if not candidates:
        return table
    expected = _expected(rows, predict)
    pool = [*_test_values(estimator)]
    if _none_is_read(rows, candidates, pool, expected, predict):
        decided = [replace(table.columns[index], is_read=False) for index in candidates]
    else:
        decided = [
            _decided(
                table.columns[index],
                [_same(rows, [index], value, expected, predict) for value in (RaisesOnUse(), *pool)],
            )
            for index in candidates
        ]
    return table.changed({column.name: column for column in decided})


def _expected(rows: Any, predict: Predict) -> Sequence[Array]:
    """The outputs for these rows in the form of `_with`: if objects are passed through, the output is an array of objects."""
    if isinstance(rows, np.ndarray):
        with suppress(Exception):  # it rejects objects, so the other outputs are never compared
            return predict(rows.astype(object))
    return predict(rows)


def _none_is_read(
    rows: Any, indices: Sequence[int], pool: Sequence[Any], expected: Sequence[Array], predict: Predict
) -> bool:
    """Whether code reads none of these columns, and the outputs stay the same with each of the values, one per row."""
    if not _same(rows, indices, RaisesOnUse(), expected, predict):
        return False
    first = [0] * len(pool)
    repeated = rows[first] if isinstance(rows, np.ndarray) else rows.iloc[first]
    values = np.empty(len(pool), object)
    values[:] = pool
    return _same(repeated, indices, values, [each[first] for each in expected], predict) is True


def _decided(column: Column, same: Sequence[bool | None]) -> Column:
    """The column, decided by whether each value in it left the outputs the same (None if the model rejected the value)."""
    if column.is_read:
        return replace(column, is_read=False) if all(same) else column
    # A model may check that all columns are numbers, including those that it does not use.
    return column if False not in same else replace(column, is_read=True, datatype=UNKNOWN)


def _test_values(estimator: Any) -> Sequence[Any]:
    """Values of every kind, including those that the model knows."""
    known: list[Any] = []
    for part in parts(estimator):
        known += phrases(part)
        for values in categories_of(part, len(getattr(part, "categories_", ()))) or ():
            known += values.tolist()
    return [1.0, -3.5, 1e6, 7, True, None, "a", "2024-02-29", *known[:MAX_VALUES]]


def _same(rows: Any, indices: Sequence[int], value: Any, expected: Sequence[Array], predict: Predict) -> bool | None:
    """Whether the outputs are the same with this value, or one value per row, in these columns; None if the model rejects it."""
    try:
        found = predict(_with(rows, indices, value))
    except Exception:  # noqa: BLE001 - any exception shows that it read the value
        return None
    return all(equal(*pair) for pair in zip(expected, found, strict=True))


def _with(rows: Any, indices: Sequence[int], value: Any) -> Any:
    filled = np.empty(len(rows), object)
    filled[:] = value if isinstance(value, np.ndarray) else [value] * len(rows)
    if isinstance(rows, np.ndarray):
        array = rows.astype(object)
        array[:, list(indices)] = filled[:, np.newaxis]
        return array
    changed = rows.copy()
    for index in indices:
        changed.isetitem(index, filled)
    return changed
