"""The expected response of a model, and whether another one has the same values."""

from collections.abc import Mapping
from typing import Any

import numpy as np

TOLERANCE = 1e-4
"""Of scores: servers compute in FP32 or FP64, one row or many at a time."""


class Expected:
    """Equal to a response with the same predictions and, where it has them, the same confidences."""

    __hash__ = None  # type: ignore[assignment]  # equal within a tolerance

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __eq__(self, response: object) -> bool:
        return (
            isinstance(response, Mapping)
            and "predictions" in response
            and all(_same(response[key], value) for key, value in self._values.items() if key in response)
        )

    def __repr__(self) -> str:
        return str(self._values)


def _same(found: Any, expected: Any) -> bool:
    if np.asarray(expected).dtype.kind == "f":
        return np.shape(found) == np.shape(expected) and np.allclose(found, expected, rtol=0, atol=TOLERANCE)
    return bool(found == expected)
