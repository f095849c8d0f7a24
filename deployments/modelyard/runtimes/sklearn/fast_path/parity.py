"""Whether a faster way through a model gives what the model itself gives, on rows that can tell them apart."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from modelyard.tensors import Array, Tensors

Predict = Callable[[Tensors], Tensors]
"""Inputs to all outputs."""

RTOL = ATOL = 1e-12
"""How far floats may differ: the order of additions may, and nothing else."""
SINGLE_ROWS = 6
"""Rows of the first set and of each larger one that are tried alone too."""
BUDGET_S = 10.0
"""Of this thread's CPU, whatever else the machine does meanwhile. What is not proved by then does not serve."""
NOT_COMPARED = f"it could not be compared with the model within {BUDGET_S:g} s"


def difference(
    truth: Predict, faster: Predict, sets: Sequence[Tensors], clock: Callable[[], float] = time.thread_time
) -> str:
    """How the faster way differs on any of these sets of rows, for the operator; "" where it does not on all of them."""
    begun = clock()
    for number, rows in enumerate(sets):
        count = len(next(iter(rows.values())))
        chosen = range(0, count, max(1, count // SINGLE_ROWS)) if number == 0 or count > SINGLE_ROWS else ()
        for some in (rows, *(_slice(rows, row, row + 1) for row in chosen)):
            if found := _set_difference(truth, faster, some, lambda: clock() - begun > BUDGET_S):
                return found
    return ""


def _set_difference(truth: Predict, faster: Predict, rows: Tensors, is_late: Callable[[], bool]) -> str:
    """The same for one set. Where the model refuses it, each half is tried, down to single rows."""
    if is_late():
        return NOT_COMPARED
    expected, refused = _attempt(truth, rows)
    count = len(next(iter(rows.values())))
    if refused is not None and count > 1:
        halves = (_slice(rows, 0, count // 2), _slice(rows, count // 2, count))
        return next(filter(None, (_set_difference(truth, faster, half, is_late) for half in halves)), "")
    got, failed = _attempt(faster, rows)
    if refused is not None:
        # Only a ValueError becomes the client's error.
        same = failed is not None and isinstance(failed, ValueError) == isinstance(refused, ValueError)
        return "" if same else f"it takes a row that the model refuses ({type(refused).__name__}: {refused})"
    if failed is not None:
        return f"it fails where the model does not ({type(failed).__name__}: {failed})"
    return next((f"its {name!r} differs" for name in expected if not equal(expected[name], got[name])), "")


def _attempt(answer: Predict, rows: Tensors) -> tuple[Tensors, Exception | None]:
    try:
        return answer(rows), None
    except Exception as error:  # noqa: BLE001 - whatever the model raises is its answer
        return {}, error


def _slice(rows: Tensors, start: int, end: int) -> Tensors:
    return {name: array[start:end] for name, array in rows.items()}


def equal(expected: Array, got: Array) -> bool:
    """Whether two outputs are the same: all but floats exactly."""
    if expected.dtype != got.dtype or expected.shape != got.shape:
        return False
    if expected.dtype.kind != "f":
        return bool(expected.tolist() == got.tolist())
    return bool(np.allclose(got, expected, rtol=RTOL, atol=ATOL, equal_nan=True))
