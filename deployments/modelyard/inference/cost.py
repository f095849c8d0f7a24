"""The estimated duration of a batch, updated by each call of the model."""

GAIN_UP, GAIN_DOWN = 0.5, 0.05
"""How far one call moves the estimate. Up fast and down slowly: to run a slow call on the loop blocks every connection, to run
a fast one in the worker costs a change of threads."""
MAX_RATIO = 8.0
"""One call counts as at most this many times the estimate, so that a preempted process is not mistaken for a slow model."""
MIN_S = 1e-7
"""No call takes less; keeps the arithmetic away from zero with a coarse clock."""


class BatchCost:
    """Seconds a batch: (fixed + per row * rows) * scale. Warm-up measures the first two, each call moves the scale."""

    def __init__(self, fixed_s: float, per_row_s: float) -> None:
        self._fixed_s = max(fixed_s, MIN_S)
        self._per_row_s = max(per_row_s, 0.0)
        self._scale = 1.0

    def of(self, rows: int, batches: int = 1) -> float:
        """Seconds for this many rows in this many batches."""
        return (self._fixed_s * batches + self._per_row_s * rows) * self._scale

    def rows_within(self, seconds: float) -> float:
        """How many rows a batch can hold to take no longer than that; may be infinite, or below 1."""
        if not self._per_row_s:
            return float("inf")
        return (seconds / self._scale - self._fixed_s) / self._per_row_s

    def forget(self) -> None:
        """Move towards what warm-up measured, where a batch says nothing about this cost."""
        self._scale += GAIN_DOWN * (1.0 - self._scale)

    def observe(self, rows: int, seconds: float) -> None:
        """Learn from a batch."""
        ratio = seconds / (self._fixed_s + self._per_row_s * rows)
        scale = self._scale
        if ratio > scale:
            self._scale = scale + GAIN_UP * (min(ratio, MAX_RATIO * scale) - scale)
        else:
            self._scale = scale + GAIN_DOWN * (ratio - scale)
