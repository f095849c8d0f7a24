"""The parity check: whether a fast path returns what the model itself returns, on rows that are chosen to show a difference."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.tensors import Array, Tensors

Predict = Callable[[Tensors], Tensors]
"""From inputs to all outputs."""

RTOL = ATOL = 1e-12
"""How far floats may differ: the order of additions may differ, and nothing else."""
SINGLE_ROWS = 6
"""How many rows of the first set, and of each larger one, are also run one at a time."""
BUDGET_S = 10.0
"""CPU time of this thread, so that a busy machine does not matter. A fast path that is not checked by then does not serve."""
NOT_COMPARED = f"it could not be compared with the model within {BUDGET_S:g} s"


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception without its traceback. The traceback refers to the frames of the whole load, and a frame that stores it would
    form a reference cycle: the model would stay in memory until the next full garbage collection."""

    is_value_error: bool
    text: str


def difference(
    reference: Predict, fast: Predict, sets: Sequence[Tensors], clock: Callable[[], float] = time.thread_time
) -> str:
    """How the fast path differs on any of these sets of rows, for the operator; "" if it differs on none."""
    start = clock()
    for number, rows in enumerate(sets):
        count = len(next(iter(rows.values())))
        chosen = range(0, count, max(1, count // SINGLE_ROWS)) if number == 0 or count > SINGLE_ROWS else ()
        for some in (rows, *(_slice(rows, row, row + 1) for row in chosen)):
            if found := _set_difference(reference, fast, some, lambda: clock() - start > BUDGET_S):
                return found
    return ""


def _set_difference(reference: Predict, fast: Predict, rows: Tensors, is_late: Callable[[], bool]) -> str:
    """The same for one set. If the model rejects it, each half is tried, down to single rows."""
    if is_late():
        return NOT_COMPARED
    expected, rejected = _attempt(reference, rows)
    count = len(next(iter(rows.values())))
    if rejected is not None and count > 1:
        halves = (_slice(rows, 0, count // 2), _slice(rows, count // 2, count))
        return next(filter(None, (_set_difference(reference, fast, half, is_late) for half in halves)), "")
    got, failed = _attempt(fast, rows)
    if rejected is not None:
        # Only a ValueError becomes the client's error.
        same = failed is not None and failed.is_value_error == rejected.is_value_error
        return "" if same else f"it accepts a row that the model rejects ({rejected.text})"
    if failed is not None:
        return f"it fails on a row that the model accepts ({failed.text})"
    return next((f"its output {name!r} differs" for name in expected if not equal(expected[name], got[name])), "")


def _attempt(predict: Predict, rows: Tensors) -> tuple[Tensors, Failure | None]:
    try:
        return predict(rows), None
    except Exception as error:  # noqa: BLE001 - any exception of the model is a result to compare
        return {}, Failure(isinstance(error, ValueError), f"{type(error).__name__}: {error}")


def _slice(rows: Tensors, start: int, end: int) -> Tensors:
    return {name: array[start:end] for name, array in rows.items()}


def equal(expected: Array, got: Array) -> bool:
    """Whether two outputs are equal: floats within the tolerance, all others exactly."""
    if expected.dtype != got.dtype or expected.shape != got.shape:
        return False
    if expected.dtype.kind != "f":
        return bool(expected.tolist() == got.tolist())
    return bool(np.allclose(got, expected, rtol=RTOL, atol=ATOL, equal_nan=True))
