"""Detects thrashing: the process spends its time loading models again that it evicted for each other."""

from collections import deque
from collections.abc import Callable
from time import monotonic

WINDOW_S = 30.0
BEGIN_SHARE, END_SHARE = 0.5, 0.25
"""Shares of the window in which a model was being reloaded: thrashing begins above the first, and ends at the second."""
RELOAD_WITHIN_S = 600.0
"""A load counts as a reload if the model was evicted at most this long ago. So a cycle over more models than the window can load
still thrashes, and models that were evicted overnight do not."""


class Thrashing:
    """The share of the last WINDOW_S seconds in which at least one reload ran.

    A reload is a load of a model that was evicted for another one within RELOAD_WITHIN_S. First loads are none, so a start and a
    first pass over all models do not count; changed versions and manual unloads are no evictions.

    While models thrash, requests for cold models are rejected. So no reload begins, the share falls, and loading goes on
    `ends_in_s` later. If the working set still does not fit, it begins again: reloads get between a quarter and half of the time.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._evicted: dict[str, float] = {}
        self._running: set[str] = set()
        self._running_since = 0.0
        self._periods: deque[tuple[float, float]] = deque()  # in which a reload ran, from the oldest one
        self._on = False

    def evicted(self, *names: str) -> None:
        """These models were evicted for another one."""
        now = self._clock()
        for name in names:
            self._evicted.pop(name, None)
            self._evicted[name] = now
        for name in list(self._evicted):  # the oldest is first
            if now - self._evicted[name] <= RELOAD_WITHIN_S:
                break
            del self._evicted[name]

    def load_begins(self, name: str) -> None:
        """A load begins."""
        now = self._clock()
        if now - self._evicted.pop(name, -RELOAD_WITHIN_S - now) > RELOAD_WITHIN_S:
            return
        if not self._running:
            self._running_since = now
        self._running.add(name)

    def load_ends(self, name: str) -> None:
        """A load has ended, however it ended."""
        if name in self._running:
            self._running.remove(name)
            if not self._running:
                self._periods.append((self._running_since, self._clock()))

    def share(self) -> float:
        """The share of the last WINDOW_S seconds in which a reload ran."""
        return self._seconds(self._clock()) / WINDOW_S

    def is_on(self) -> bool:
        """Whether requests for cold models must be rejected."""
        share = self.share()
        self._on = share > (END_SHARE if self._on else BEGIN_SHARE)
        return self._on

    def ends_in_s(self) -> float:
        """Seconds until loading goes on if no reload runs: the value of Retry-After. 0 if models do not thrash."""
        if not self.is_on():
            return 0.0
        now = self._clock()
        begin = now - WINDOW_S
        excess = self._seconds(now) - END_SHARE * WINDOW_S
        for start, end in self._all_periods(now):
            seconds = end - max(start, begin)
            if seconds >= excess:
                return end - seconds + excess - begin
            excess -= seconds
        return 0.0

    def _seconds(self, now: float) -> float:
        begin = now - WINDOW_S
        while self._periods and self._periods[0][1] <= begin:
            self._periods.popleft()
        return sum(end - max(start, begin) for start, end in self._all_periods(now))

    def _all_periods(self, now: float) -> list[tuple[float, float]]:
        return [*self._periods, *([(self._running_since, now)] if self._running else [])]
