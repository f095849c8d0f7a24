"""What a call of the model is believed to cost, corrected by every real call."""

UP, DOWN = 0.5, 0.05
"""How far one call moves the belief. Up quickly and down slowly: believing a dear call cheap holds up every socket of
the loop, believing a cheap one dear costs a change of threads."""
MOST = 8.0
"""One call counts as at most this many times the belief, so that a preempted process is not taken for a slow model."""
LEAST_S = 1e-7
"""No call takes less; keeps the arithmetic away from zero on a coarse clock."""


class CallCost:
    """Seconds per call: (fixed + per row * rows) * scale. Warm-up measures the first two, real calls move the scale."""

    def __init__(self, fixed_s: float, per_row_s: float) -> None:
        self._fixed_s = max(fixed_s, LEAST_S)
        self._per_row_s = max(per_row_s, 0.0)
        self._scale = 1.0

    def of(self, rows: int, calls: int = 1) -> float:
        """Seconds for this many rows in this many calls."""
        return (self._fixed_s * calls + self._per_row_s * rows) * self._scale

    def rows_within(self, seconds: float) -> float:
        """How many rows one call can hold to take no longer than that; may be infinite, or below 1."""
        if not self._per_row_s:
            return float("inf")
        return (seconds / self._scale - self._fixed_s) / self._per_row_s

    def forget(self) -> None:
        """Move towards what warm-up measured, as nothing new is known."""
        self._scale += DOWN * (1.0 - self._scale)

    def observe(self, rows: int, seconds: float) -> None:
        """Learn from a call."""
        ratio = seconds / (self._fixed_s + self._per_row_s * rows)
        scale = self._scale
        if ratio > scale:
            self._scale = scale + UP * (min(ratio, MOST * scale) - scale)
        else:
            self._scale = scale + DOWN * (ratio - scale)
