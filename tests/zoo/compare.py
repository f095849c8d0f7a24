"""What equal means between an answer of the server and the model's own.

Labels, whole numbers, booleans and texts are equal exactly, types included. Floats may differ as far as another order of the same
additions takes them: a row alone, the row among others and a step that is rebuilt in numpy run other kernels of BLAS. That is a few
units in the last place of the largest term, so 1e-9 of the value is far above it for double precision and far below what any wrong
input or weight does; 1e-5 for single precision. Where terms cancel, and where two classes or neighbours tie, the object itself gives
other answers alone than among others: then either of its own answers is right.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from deployments.tensors import Array, Tensors
from tests.zoo.told import CLASSES, CONFIDENCE, Told, Written

DOUBLE, SINGLE = 1e-9, 1e-5


def difference(
    told: Told, expected: Tensors, classes: list[Any] | None, others: Callable[[], list[Tensors]], *, single: bool, whole: bool = False
) -> str:
    """How an answer differs from the model's own, "" where it does not.

    `others` gives the object's answers to the same rows in other company, and is called only where `expected` does not do.
    """
    for name, value in told.items():
        if name == CLASSES:
            if wrong := _wrong_classes(value, classes):
                return wrong
            continue
        try:
            first = _expected(name, expected, classes)
        except KeyError:
            return f"an output {name!r} that the object does not have: {value!r:.200}"
        if found := _shape_differs(name, value, first):
            return found
        wrong_rows = _wrong_rows(value, first, single)
        if wrong_rows and not whole:
            for other in others():
                again = _wrong_rows(value, _expected(name, other, classes), single)
                wrong_rows = [row for row in wrong_rows if row in again]
        if wrong_rows:
            row = wrong_rows[0]
            return f"{name}: {_row(value, row)!r:.300} for {_row(first, row)!r:.300} ({len(wrong_rows)} of {len(first) if np.ndim(first) else 1} rows)"
    return ""


def _wrong_classes(told: list[Any], classes: list[Any] | None) -> str:
    if classes is None or len(told) != len(classes) or not all(map(_same, told, classes)):
        return f"classes: {told} for {classes}"
    return ""


def _expected(name: str, expected: Tensors, classes: list[Any] | None) -> Any:
    if name != CONFIDENCE:
        return expected[name]
    scores, labels = expected["scores"], expected["label"].tolist()
    return np.array([scores[row, (classes or []).index(label)] for row, label in enumerate(labels)])


def _shape_differs(name: str, told: Any, expected: Any) -> str:
    if isinstance(told, np.ndarray) and told.shape != np.shape(expected):
        return f"{name}: of shape {told.shape} for {np.shape(expected)}"
    if np.size(np.array(told, object)) != np.size(expected):
        return f"{name}: {np.size(np.array(told, object))} values for {np.size(expected)}: {told!r:.200}"
    return ""


def _wrong_rows(told: Any, expected: Any, single: bool) -> list[int]:
    """The numbers of the rows that are not equal."""
    expected = np.asarray(expected)
    if not expected.ndim:
        told, expected = [told], expected.reshape(1)
    return [row for row in range(len(expected)) if not all(_equal(*pair, single) for pair in _pairs(told[row], expected[row]))]


def _pairs(told: Any, expected: Any) -> Iterator[tuple[Any, Any]]:
    flat: Array = np.empty(0, object)
    flat = np.ravel(np.array(told if isinstance(told, np.ndarray | list) else [told], object))
    return zip(flat.tolist(), np.ravel(expected).tolist(), strict=True)


def _equal(told: Any, expected: Any, single: bool) -> bool:
    if isinstance(expected, float) and not isinstance(told, str | bool):
        return _close(np.nan if told is None else float(told), expected, single)
    return _same(told, expected, single)


def _same(told: Any, expected: Any, single: bool = False) -> bool:
    if isinstance(told, Written):
        if isinstance(expected, bool):
            return told == ("true" if expected else "false")
        if isinstance(expected, float):
            return _close(float(told) if told else np.nan, expected, single)
        return str(told) == str(expected)
    if isinstance(told, np.generic):
        told = told.item()
    if isinstance(expected, bool) or isinstance(told, bool):
        return type(told) is type(expected) and told == expected
    return isinstance(told, str) == isinstance(expected, str) and bool(told == expected)


def _close(told: float, expected: float, single: bool) -> bool:
    limit = SINGLE if single else DOUBLE
    if not np.isfinite(expected) and not np.isfinite(told):
        return True  # JSON has null for all of them
    return bool(abs(told - expected) <= limit * max(abs(told), abs(expected)) + limit * 1e-3)


def _row(values: Any, row: int) -> Any:
    return np.asarray(values, object)[row] if np.ndim(np.asarray(values, object)) else values
