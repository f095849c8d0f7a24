"""The parity gate: whether a compiled part returns what scikit-learn's own methods return, bit for bit."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from modelyard.runtimes.sklearn.compiled.head import Function, Head
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows, Vectorize
from modelyard.tensors import Array

T = TypeVar("T")

BUDGET_S = 10.0
"""CPU time of this thread for one part. A part that is not checked by then is not compiled."""
CHUNKS = (1, 2, 1, 5, 1, 17)
"""The numbers of rows in one call, in turn. All rows in one call are compared, too."""


class Clock:
    """The CPU time that a check has used."""

    def __init__(self, now: Callable[[], float] = time.thread_time) -> None:
        self._now, self._start = now, now()

    @property
    def is_late(self) -> bool:
        """Whether the budget is used up."""
        return self._now() - self._start > BUDGET_S


LATE = f"it could not be compared with scikit-learn's within {BUDGET_S:g} s"


def rows_difference(steps: Sequence[Any], compiled: Vectorize, texts: Sequence[str], clock: Clock) -> str:
    """How the rows of these texts differ from what the steps return, one text at a time and all together; "" if they do not."""
    own, rows = partial(_transformed, steps), np.array([*texts], object)
    accepted, difference = _one_by_one(
        own,
        compiled,
        rows,
        clock,
        equal=_same_rows,
        name=lambda row: f"the text {row[0][:40]!r}",
        differs="its features of {} differ",
    )
    if difference:
        return difference
    together = np.concatenate([rows[:0], *accepted])
    return "" if _same_rows(own(together), compiled(together)) else "its features of several texts differ"


def table_difference(own: Function, compiled: Function, odd: Array, usual: Array, clock: Clock) -> str:
    """How the arrays that a compiled function returns for these rows differ from the estimator's own; "" if they do not.

    Each of the `odd` rows, which may be rejected, is compared by itself. The `usual` ones are compared together, without and with
    those that are accepted.
    """
    accepted, difference = _one_by_one(
        own,
        compiled,
        odd,
        clock,
        equal=same,
        name=lambda row: f"the row {str(row[0])[:80]}",
        differs="its result for {} differs",
    )
    if difference:
        return difference
    alike = all(same(own(rows), compiled(rows)) for rows in (usual, np.concatenate([usual, *accepted])))
    return "" if alike else "its result for several rows differs"


def _one_by_one(
    own: Callable[[Array], T],
    compiled: Callable[[Array], T],
    rows: Array,
    clock: Clock,
    *,
    equal: Callable[[T, T], bool],
    name: Callable[[Array], str],
    differs: str,
) -> tuple[list[Array], str]:
    """The rows that are accepted, each as an array, and how a row differs; "" if none does. `differs` says so of its name."""
    accepted: list[Array] = []
    for row in rows[:, np.newaxis]:
        expected, rejected = _attempt(own, row)
        got, failed = _attempt(compiled, row)
        if clock.is_late:
            return accepted, LATE
        if type(rejected) is not type(failed):
            return accepted, f"for {name(row)}, it raises {failed!r}, and scikit-learn {rejected!r}"
        if rejected is None:
            accepted.append(row)
            if not equal(expected, got):
                return accepted, differs.format(name(row))
    return accepted, ""


def head_difference(final: Any, head: Head, rows: Any, convert: Callable[[Any], Any] | None, clock: Clock) -> str:
    """How its outputs for these rows differ from those of the estimator's methods; "" if they do not.

    `convert` returns the same rows in the form that the head takes.
    """
    expected = _own_outputs(final, head, rows)
    for parts in ([rows], [rows[start:end] for start, end in _chunks(rows.shape[0])]):
        found = []
        for part in parts:
            found.append(_outputs(final, head, convert(part) if convert else part))
            if clock.is_late:
                return LATE
        for name, values in expected.items():
            if not same(values, np.concatenate([each[name] for each in found])):
                return f"its {name} differs"
    return ""


def same(expected: Array, got: Array) -> bool:
    """Whether two arrays have the same type, shape and values; NaN equals NaN."""
    if expected.dtype != got.dtype or expected.shape != got.shape:
        return False
    return np.array_equal(expected, got, equal_nan=expected.dtype.kind == "f")


def _same_rows(expected: SparseRows, got: SparseRows) -> bool:
    return (
        expected.shape == got.shape
        and np.array_equal(expected.indptr, got.indptr)
        and np.array_equal(expected.indices, got.indices)
        and same(expected.data, got.data)
    )


def _transformed(steps: Sequence[Any], texts: Array) -> SparseRows:
    rows: Any = texts
    for step in steps:
        rows = step.transform(rows)
    return SparseRows.of(rows)


def _attempt(function: Callable[[Array], Any], rows: Array) -> tuple[Any, Exception | None]:
    try:
        return function(rows), None
    except Exception as error:  # noqa: BLE001 - any exception is a result to compare
        return None, error.with_traceback(None)  # a traceback refers to the frames of the whole load


def _own_outputs(final: Any, head: Head, rows: Any) -> dict[str, Array]:
    outputs = {"predict": final.predict(rows)}
    if head.scores is not None:
        outputs["predict_proba"] = final.predict_proba(rows)
    return outputs


def _outputs(final: Any, head: Head, rows: Any) -> dict[str, Array]:
    if head.value is not None:
        return {"predict": head.value(head.raw(rows))}
    outputs = {}
    if head.indices is not None:
        outputs["predict"] = final.classes_[head.indices(head.raw(rows))]
    if head.scores is not None:
        outputs["predict_proba"] = head.scores(head.raw(rows))
    return outputs


def _chunks(count: int) -> Iterable[tuple[int, int]]:
    start = turn = 0
    while start < count:
        end = min(count, start + CHUNKS[turn % len(CHUNKS)])
        yield start, end
        start, turn = end, turn + 1
