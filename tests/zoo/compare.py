"""What equal means between an answer of the server and the model's own.

Labels, whole numbers, booleans and texts are equal exactly, types included. Floats may differ as far as another order of the same
additions takes them: a row alone, the row among others and a step that is rebuilt in numpy run other kernels of BLAS. That is a few
units in the last place of the largest term, so 1e-9 of the value is far above it for double precision and far below what any wrong
input or weight does; 1e-5 for single precision, 2e-2 for half. Where terms cancel, and where two classes or neighbours tie, the
object itself gives other answers alone than among others: then either of its own answers is right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.tensors import Signature, Tensors
from tests.zoo.case import DOUBLE
from tests.zoo.responses import CLASSES, CONFIDENCE, Decoded, Written

MOST_ROUNDING, MOST_ROUNDING_SINGLE = 1e-5, 1e-3
"""As a share of a value, in double and in single precision; what differs more is another answer. Projections of rows that differ by
1e-9 have varied by 1e-6 in double precision, and probabilities of a Gaussian process by 4e-4 in single."""


@dataclass(frozen=True)
class Equality:
    """What is looked at for one served model."""

    signature: Signature
    classes: list[Any] | None
    """A classifier's own, in the order of its scores."""
    tolerance: float


def difference(told: Decoded, expected: Tensors, others: Callable[[], list[Tensors]], equality: Equality) -> str:
    """How an answer differs from the model's own, "" where it does not.

    `others` gives the object's answers to the same rows in other company, and is called only where `expected` does not do.
    """
    classes, tolerance = equality.classes, equality.tolerance
    for name, value in told.items():
        if name == CLASSES:
            if wrong := _wrong_classes(value, classes):
                return wrong
            continue
        try:
            first = _expected(name, expected, equality)
        except KeyError:
            return f"an output {name!r} that the object does not have: {value!r:.200}"
        if first is None:
            continue
        if found := _shape_differs(name, value, first):
            return found
        wrong_rows = _wrong_rows(value, first, tolerance)
        if wrong_rows:
            own = [first, *(_expected(name, other, equality) for other in others())]
            rounding = max(tolerance, _rounding(own, tolerance))
            wrong_rows = [row for row in wrong_rows if all(row in _wrong_rows(value, one, rounding) for one in own)]
        if wrong_rows:
            row = wrong_rows[0]
            rows = len(first) if np.ndim(first) else 1
            return f"{name}: {_row(value, row)!r:.300} for {_row(first, row)!r:.300} ({len(wrong_rows)} of {rows} rows)"
    return ""


def _rounding(own: list[Any], tolerance: float) -> float:
    """A few times as far as the object's own answers differ by the company of a row, where that is no more than rounding."""
    arrays = [np.asarray(each) for each in own]
    if len({array.shape for array in arrays}) > 1 or any(array.dtype.kind != "f" for array in arrays):
        return 0.0
    together = np.stack(arrays)
    largest = np.abs(together).max(axis=0)
    spread = np.ptp(together, axis=0)[largest > 0] / largest[largest > 0]
    widest = float(np.nanmax(spread, initial=0.0))
    most = MOST_ROUNDING if tolerance == DOUBLE else MOST_ROUNDING_SINGLE
    return 4 * widest if widest < most else 0.0


def _wrong_classes(told: list[Any], classes: list[Any] | None) -> str:
    if classes is None or len(told) != len(classes) or not all(map(_same, told, classes)):
        return f"classes: {told} for {classes}"
    return ""


def _expected(name: str, expected: Tensors, equality: Equality) -> Any:
    """What the object has for an output; None where it has nothing to say. Raises KeyError."""
    if name != CONFIDENCE:
        return expected[name]
    classes = equality.classes
    if classes is None:
        return None
    scores, labels = expected[equality.signature.scores], expected[equality.signature.label].ravel().tolist()
    return np.array([scores[row, classes.index(label)] for row, label in enumerate(labels)])


def _shape_differs(name: str, told: Any, expected: Any) -> str:
    if isinstance(told, np.ndarray) and told.shape != np.shape(expected):
        return f"{name}: of shape {told.shape} for {np.shape(expected)}"
    if np.size(np.array(told, object)) != np.size(expected):
        return f"{name}: {np.size(np.array(told, object))} values for {np.size(expected)}: {told!r:.200}"
    return ""


def _wrong_rows(told: Any, expected: Any, tolerance: float) -> list[int]:
    """The numbers of the rows that are not equal."""
    expected = np.asarray(expected)
    if not expected.ndim:
        told, expected = [told], expected.reshape(1)
    if len(told) != len(expected):
        return list(range(len(expected)))
    return [row for row in range(len(expected)) if not _equal_rows(told[row], expected[row], tolerance)]


def _equal_rows(told: Any, expected: Any, tolerance: float) -> bool:
    """Of one row, which may be a list of values in any form."""
    given = np.ravel(np.array(told if isinstance(told, np.ndarray | list) else [told], object)).tolist()
    wanted = np.ravel(expected).tolist()
    return len(given) == len(wanted) and all(_equal(*pair, tolerance) for pair in zip(given, wanted, strict=True))


def _equal(told: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, float) and not isinstance(told, str | bool):
        return _close(np.nan if told is None else float(told), expected, tolerance)
    return _same(told, expected, tolerance)


def _same(told: Any, expected: Any, tolerance: float = DOUBLE) -> bool:
    if isinstance(told, Written):
        if isinstance(expected, bool):
            return told.lower() == str(expected).lower()
        if isinstance(expected, float):
            return _close(float(told) if told else np.nan, expected, tolerance)
        # A transformer's flags are numbers of the type of its input, which reaches it as floats.
        return str(told) in (str(expected), f"{expected}.0" if isinstance(expected, int) else "")
    if isinstance(told, np.generic):
        told = told.item()
    if isinstance(expected, bool) or isinstance(told, bool):
        return type(told) is type(expected) and told == expected
    return isinstance(told, str) == isinstance(expected, str) and bool(told == expected)


def _close(told: float, expected: float, tolerance: float) -> bool:
    if not np.isfinite(expected) and not np.isfinite(told):
        return True  # JSON has null for all of them
    least = tolerance * (1e-3 if tolerance == DOUBLE else 1)
    return bool(abs(told - expected) <= tolerance * max(abs(told), abs(expected)) + least)


def _row(values: Any, row: int) -> Any:
    return values[row] if isinstance(values, np.ndarray | list) and row < len(values) else values
