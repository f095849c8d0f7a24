"""Counting inside one process, on the request path: all series of a request together cost it well under a microsecond.

An observation is only appended to a list, in C. A snapshot, once a second and in a thread of its own, sorts them into buckets, with
numpy: a tenth of what it costs to do that one by one. `python -m benchmarks.metrics` measures both.
"""

from collections.abc import Iterable, Mapping
from threading import Lock

import numpy as np

from modelyard.telemetry.metrics.declarations import (
    BATCH_SIZE,
    CODES,
    COMPUTE_DURATION,
    LOAD_DURATION,
    QUEUE_DURATION,
    REQUEST_DURATION,
    REQUESTS,
    ROWS,
    Metric,
)
from modelyard.telemetry.metrics.snapshot import Exemplar, Histogram, Key, Totals


class Observations:
    """One histogram that grows. `observe` may be called in one thread while others call `histogram`."""

    __slots__ = ("_bounds", "_counts", "_nanos", "_pending", "_reading", "_sorted", "exemplars", "observe")

    def __init__(self, metric: Metric) -> None:
        self._bounds = np.array(metric.buckets)
        self._counts = np.zeros(len(metric.buckets) + 1, np.int64)
        self._nanos = 0
        self._sorted = Histogram(tuple(self._counts.tolist()), 0)
        self._pending: list[float] = []
        self._reading = Lock()  # for those who sort in; who observes never waits
        self.observe = self._pending.append
        """Observe a value."""
        self.exemplars: dict[int, Exemplar] = {}
        """The last in each bucket."""

    def mark(self, exemplar: Exemplar) -> None:
        """Show this one of the values that were observed; by the thread that takes snapshots."""
        self.exemplars[int(np.searchsorted(self._bounds, exemplar.value))] = exemplar

    def histogram(self) -> Histogram:
        """All that was observed until now."""
        with self._reading:
            if not self._pending:
                return self._sorted
            values = np.array(self._pending[:], np.float64)
            del self._pending[: len(values)]  # what has come meanwhile stands behind these
            # A value that equals a bound is in its bucket, as Prometheus has it.
            self._counts += np.bincount(np.searchsorted(self._bounds, values), minlength=len(self._counts))
            self._nanos += round(float(values.sum()) * 1e9)
            self._sorted = Histogram(tuple(self._counts.tolist()), self._nanos)
            return self._sorted


class VersionCounts:
    """What one version of a model has done in this process."""

    def __init__(self, model: str, version: str, protocols: Iterable[str], load_s: float) -> None:
        self.version = version
        self._key = (model, version)
        self.codes: Mapping[str, dict[str, int]] = {protocol: dict.fromkeys(CODES, 0) for protocol in protocols}
        """Requests by protocol and code. They are there from the start: a series that begins at 1 has no rate."""
        self.rows = 0
        """Rows that were answered."""
        self.request = Observations(REQUEST_DURATION)
        self.queue = Observations(QUEUE_DURATION)
        self.compute = Observations(COMPUTE_DURATION)
        self.batch = Observations(BATCH_SIZE)
        self._load = Observations(LOAD_DURATION)
        self._load.observe(load_s)

    def add_exemplars(self, exemplars: dict[Key, Mapping[int, Exemplar]]) -> None:
        """Those of the series that have any."""
        if self.request.exemplars:
            exemplars[(REQUEST_DURATION.name, *self._key)] = dict(self.request.exemplars)

    def add_to(self, totals: Totals) -> None:
        """All series as they are now; in whatever thread."""
        key = self._key
        for protocol, codes in self.codes.items():
            for code, count in codes.items():
                totals.counters[(REQUESTS.name, *key, code, protocol)] = count
        totals.counters[(ROWS.name, *key)] = self.rows
        for metric, observations in (
            (REQUEST_DURATION, self.request),
            (QUEUE_DURATION, self.queue),
            (COMPUTE_DURATION, self.compute),
            (BATCH_SIZE, self.batch),
            (LOAD_DURATION, self._load),
        ):
            totals.histograms[(metric.name, *key)] = observations.histogram()
