"""Counts requests inside one process, on the request path. All series of a request together take well under a microsecond.

An observation is only a list append, in C. Once a second, a snapshot in another thread sorts the observations into buckets with
numpy, which takes a tenth of the time of sorting them one by one. `python -m benchmarks.metrics` measures both.
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
    """The observations of one histogram. One thread may call `observe` while others call `histogram`."""

    __slots__ = ("_bounds", "_bucketed", "_counts", "_lock", "_nanos", "_pending", "exemplars", "observe")

    def __init__(self, metric: Metric) -> None:
        self._bounds = np.array(metric.buckets)
        self._counts = np.zeros(len(metric.buckets) + 1, np.int64)
        self._nanos = 0
        self._bucketed = Histogram(tuple(self._counts.tolist()), 0)
        self._pending: list[float] = []
        self._lock = Lock()  # for callers of `histogram`; `observe` never waits
        self.observe = self._pending.append
        """Observe a value."""
        self.exemplars: dict[int, Exemplar] = {}
        """The latest of each bucket."""

    def set_exemplar(self, exemplar: Exemplar) -> None:
        """Set the exemplar of its value's bucket. Called in the thread that makes snapshots."""
        self.exemplars[int(np.searchsorted(self._bounds, exemplar.value))] = exemplar

    def histogram(self) -> Histogram:
        """All observations so far."""
        with self._lock:
            if not self._pending:
                return self._bucketed
            values = np.array(self._pending[:], np.float64)
            del self._pending[: len(values)]  # values observed in the meantime are behind these
            # A value that equals a bound is in that bound's bucket, as in Prometheus.
            self._counts += np.bincount(np.searchsorted(self._bounds, values), minlength=len(self._counts))
            self._nanos += round(float(values.sum()) * 1e9)
            self._bucketed = Histogram(tuple(self._counts.tolist()), self._nanos)
            return self._bucketed


class VersionCounters:
    """The counters of one model version in this process."""

    def __init__(self, model: str, version: str, protocols: Iterable[str], load_s: float) -> None:
        self.version = version
        self._key = (model, version)
        self.codes: Mapping[str, dict[str, int]] = {protocol: dict.fromkeys(CODES, 0) for protocol in protocols}
        """Requests by protocol and code. All start at 0, because a series that starts at 1 has no rate."""
        self.rows = 0
        """Rows of successful requests."""
        self.request = Observations(REQUEST_DURATION)
        self.queue = Observations(QUEUE_DURATION)
        self.compute = Observations(COMPUTE_DURATION)
        self.batch = Observations(BATCH_SIZE)
        self._load = Observations(LOAD_DURATION)
        self._load.observe(load_s)

    def add_exemplars(self, exemplars: dict[Key, Mapping[int, Exemplar]]) -> None:
        """Add the exemplars of each series that has any."""
        if self.request.exemplars:
            exemplars[(REQUEST_DURATION.name, *self._key)] = dict(self.request.exemplars)

    def add_to(self, totals: Totals) -> None:
        """Add the current value of each series. Callable in any thread."""
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
