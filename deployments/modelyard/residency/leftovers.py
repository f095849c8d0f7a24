"""Decides when a full garbage collection is worth its time: released models have left memory behind.

Models that are loaded are excluded from garbage collection. So objects of a released model that refer to each other stay: a model
that holds one of its own bound methods, and the modules of operator code with all that they hold.
"""

from collections.abc import Callable
from math import inf
from time import monotonic

MIN_BYTES = 32 * 2**20
BUDGET_SHARE = 0.05
"""A collection is due when more than both has been left behind."""
MAX_TIME_SHARE = 0.05
"""Of the time that collections take: one stops the process for up to a second per thousand models."""
MUCH = 4
"""At so many times the limit, a collection is due whatever its time is."""


class Leftovers:
    """The memory of a process that its models do not account for, above the least that was seen since the last collection."""

    def __init__(self, budget_bytes: int, clock: Callable[[], float] = monotonic) -> None:
        self._limit = max(MIN_BYTES, int(budget_bytes * BUDGET_SHARE))
        self._clock = clock
        self._least: int | None = None
        self._not_before = clock()
        self._collecting = False

    def due_in_s(self, outside_bytes: int, *, exact: bool) -> float:
        """Seconds until a collection is due; inf if none is. At 0.0, begin one and call `collected` at its end.

        `outside_bytes` is what the process has allocated beside the sizes of its models. It is not `exact` while a model loads.
        """
        if exact and (self._least is None or outside_bytes < self._least):
            self._least = outside_bytes
        left = 0 if self._least is None else outside_bytes - self._least
        if self._collecting or left <= self._limit:
            return inf
        wait_s = 0.0 if left > MUCH * self._limit else max(0.0, self._not_before - self._clock())
        self._collecting = wait_s == 0.0
        return wait_s

    def collected(self, outside_bytes: int, seconds: float) -> None:
        """A collection took so long."""
        self._collecting = False
        self._least = outside_bytes
        self._not_before = self._clock() + seconds / MAX_TIME_SHARE
