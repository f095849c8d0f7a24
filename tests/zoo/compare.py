"""Compares a response of the server with the model's own output.

Labels, integers, booleans and strings must be exactly equal, including their types. Floats may differ by the order of additions:
a row alone, the row in a batch and a step that is rebuilt in numpy use different BLAS kernels. That is a few units in the last
place of the largest term. So a relative tolerance of 1e-9 is far above it for double precision, and far below the effect of any
wrong input or weight; it is 1e-5 for single precision and 2e-2 for half. If terms cancel, or two classes or neighbours tie, the
model itself returns different outputs for a row alone and in a batch: then each of its own outputs is right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.tensors import Signature, Tensors
from tests.zoo.case import DOUBLE
from tests.zoo.responses import CLASSES, CONFIDENCE, Decoded, Written

MAX_ROUNDING, MAX_ROUNDING_SINGLE = 1e-5, 1e-3
"""The largest relative difference that counts as rounding, in double and in single precision. Projections of rows that differ by
1e-9 have varied by 1e-6 in double precision, and probabilities of a Gaussian process by 4e-4 in single precision."""


@dataclass(frozen=True)
class Equality:
    """How to compare the outputs of one served model."""

    signature: Signature
    classes: list[Any] | None
    """A classifier's own classes, in the order of its scores."""
    tolerance: float


def difference(decoded: Decoded, expected: Tensors, others: Callable[[], list[Tensors]], equality: Equality) -> str:
    """How a response differs from the model's own output; "" if it does not.

    `others` returns the model's own outputs for the same rows in other batches. It is called only if `expected` does not match.
    """
    classes, tolerance = equality.classes, equality.tolerance
    for name, value in decoded.items():
        if name == CLASSES:
            if wrong := _wrong_classes(value, classes):
                return wrong
            continue
        try:
            first = _expected(name, expected, equality)
        except KeyError:
            return f"an output {name!r} that the model does not have: {value!r:.200}"
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
    """Four times the largest difference between the model's own outputs for a row in several batches; 0 if it exceeds rounding."""
    arrays = [np.asarray(each) for each in own]
    if len({array.shape for array in arrays}) > 1 or any(array.dtype.kind != "f" for array in arrays):
        return 0.0
    together = np.stack(arrays)
    largest = np.abs(together).max(axis=0)
    spread = np.ptp(together, axis=0)[largest > 0] / largest[largest > 0]
    widest = float(np.nanmax(spread, initial=0.0))
    limit = MAX_ROUNDING if tolerance == DOUBLE else MAX_ROUNDING_SINGLE
    return 4 * widest if widest < limit else 0.0


def _wrong_classes(decoded: list[Any], classes: list[Any] | None) -> str:
    if classes is None or len(decoded) != len(classes) or not all(map(_same, decoded, classes)):
        return f"classes: {decoded} for {classes}"
    return ""


def _expected(name: str, expected: Tensors, equality: Equality) -> Any:
    """The model's own value of an output; None if it has none to compare. Raises KeyError."""
    if name != CONFIDENCE:
        return expected[name]
    classes = equality.classes
    if classes is None:
        return None
    scores, labels = expected[equality.signature.scores], expected[equality.signature.label].ravel().tolist()
    return np.array([scores[row, classes.index(label)] for row, label in enumerate(labels)])


def _shape_differs(name: str, decoded: Any, expected: Any) -> str:
    if isinstance(decoded, np.ndarray) and decoded.shape != np.shape(expected):
        return f"{name}: of shape {decoded.shape} for {np.shape(expected)}"
    if np.size(np.array(decoded, object)) != np.size(expected):
        return f"{name}: {np.size(np.array(decoded, object))} values for {np.size(expected)}: {decoded!r:.200}"
    return ""


def _wrong_rows(decoded: Any, expected: Any, tolerance: float) -> list[int]:
    """The indices of the rows that are not equal."""
    expected = np.asarray(expected)
    if not expected.ndim:
        decoded, expected = [decoded], expected.reshape(1)
    if len(decoded) != len(expected):
        return list(range(len(expected)))
    return [row for row in range(len(expected)) if not _equal_rows(decoded[row], expected[row], tolerance)]


def _equal_rows(decoded: Any, expected: Any, tolerance: float) -> bool:
    """Whether one row is equal. It may be a list of values in any form."""
    given = np.ravel(np.array(decoded if isinstance(decoded, np.ndarray | list) else [decoded], object)).tolist()
    wanted = np.ravel(expected).tolist()
    return len(given) == len(wanted) and all(_equal(*pair, tolerance) for pair in zip(given, wanted, strict=True))


def _equal(decoded: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, float) and not isinstance(decoded, str | bool):
        return _close(np.nan if decoded is None else float(decoded), expected, tolerance)
    return _same(decoded, expected, tolerance)


def _same(decoded: Any, expected: Any, tolerance: float = DOUBLE) -> bool:
    if isinstance(decoded, Written):
        if isinstance(expected, bool):
            return decoded.lower() == str(expected).lower()
        if isinstance(expected, float):
            return _close(float(decoded) if decoded else np.nan, expected, tolerance)
        # A transformer returns flags as numbers of the type of its input, which are floats here.
        return str(decoded) in (str(expected), f"{expected}.0" if isinstance(expected, int) else "")
    if isinstance(decoded, np.generic):
        decoded = decoded.item()
    if isinstance(expected, bool) or isinstance(decoded, bool):
        return type(decoded) is type(expected) and decoded == expected
    return isinstance(decoded, str) == isinstance(expected, str) and bool(decoded == expected)


def _close(decoded: float, expected: float, tolerance: float) -> bool:
    if not np.isfinite(expected) and not np.isfinite(decoded):
        return True  # JSON has null for all of them
    absolute_tolerance = tolerance * (1e-3 if tolerance == DOUBLE else 1)
    return bool(abs(decoded - expected) <= tolerance * max(abs(decoded), abs(expected)) + absolute_tolerance)


def _row(values: Any, row: int) -> Any:
    return values[row] if isinstance(values, np.ndarray | list) and row < len(values) else values
