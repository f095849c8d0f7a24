"""Counts requests inside one process, on the request path. All series of a request together take well under a microsecond.

An observation is only a list append, in C. Once a second, a snapshot in another thread sorts the observations into buckets: many of
them with numpy, which takes a tenth of the time of sorting them one by one. `python -m benchmarks.metrics` measures both.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import chain
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

MANY = 50
"""Observations of one histogram. With fewer, numpy takes longer than a loop."""


class Observations:
    """The observations of one histogram. One thread may call `observe` while others call `histogram`."""

    __slots__ = ("_bounds", "_bucketed", "_counts", "_lock", "_nanos", "_pending", "exemplars", "observe")

    def __init__(self, metric: Metric) -> None:
        self._bounds = metric.buckets
        self._counts = [0] * (len(metric.buckets) + 1)
        self._nanos = 0
        self._bucketed = Histogram(tuple(self._counts), 0)
        self._pending: list[float] = []
        self._lock = Lock()  # for callers of `histogram`; `observe` never waits
        self.observe = self._pending.append
        """Observe a value."""
        self.exemplars: dict[int, Exemplar] = {}
        """The latest of each bucket."""

    def set_exemplar(self, exemplar: Exemplar) -> None:
        """Set the exemplar of its value's bucket. Called in the thread that makes snapshots."""
        self.exemplars[bisect_left(self._bounds, exemplar.value)] = exemplar

    def histogram(self) -> Histogram:
        """All observations so far."""
        with self._lock:
            if not self._pending:
                return self._bucketed
            values = self._pending[:]
            del self._pending[: len(values)]  # values observed in the meantime are behind these
            # A value that equals a bound is in that bound's bucket, as in Prometheus.
            if len(values) < MANY:
                for value in values:
                    self._counts[bisect_left(self._bounds, value)] += 1
            else:
                indices = np.searchsorted(self._bounds, np.array(values, np.float64))
                more = np.bincount(indices, minlength=len(self._counts)).tolist()
                self._counts = [count + further for count, further in zip(self._counts, more, strict=True)]
            self._nanos += round(math.fsum(values) * 1e9)
            self._bucketed = Histogram(tuple(self._counts), self._nanos)
            return self._bucketed


class VersionCounters:
    """The counters of one model version in this process."""

    def __init__(self, model: str, version: str, protocols: Iterable[str], load_s: float) -> None:
        self.version = version
        self.codes: Mapping[str, dict[str, int]] = {protocol: dict.fromkeys(CODES, 0) for protocol in protocols}
        """Requests by protocol and code. All start at 0, because a series that starts at 1 has no rate."""
        self.rows = 0
        """Rows of successful requests."""
        self.changed = True
        """Set after each count. A reader sets it to False before it reads, so that it misses none."""
        self.request = Observations(REQUEST_DURATION)
        self.queue = Observations(QUEUE_DURATION)
        self.compute = Observations(COMPUTE_DURATION)
        self.batch = Observations(BATCH_SIZE)
        self._load = Observations(LOAD_DURATION)
        self._load.observe(load_s)
        # The keys are made once: a pool makes snapshots of a thousand models.
        self._request_keys = [
            (REQUESTS.name, model, version, code, protocol) for protocol, codes in self.codes.items() for code in codes
        ]
        self._rows_key = (ROWS.name, model, version)
        self._histograms = [
            ((metric.name, model, version), observations)
            for metric, observations in (
                (REQUEST_DURATION, self.request),
                (QUEUE_DURATION, self.queue),
                (COMPUTE_DURATION, self.compute),
                (BATCH_SIZE, self.batch),
                (LOAD_DURATION, self._load),
            )
        ]

    @property
    def requests(self) -> int:
        """Requests that have ended, rejected ones too."""
        return sum([sum(codes.values()) for codes in self.codes.values()])

    def add_exemplars(self, exemplars: dict[Key, Mapping[int, Exemplar]]) -> None:
        """Add the exemplars of each series that has any."""
        if self.request.exemplars:
            exemplars[self._histograms[0][0]] = dict(self.request.exemplars)

    def add_to(self, totals: Totals) -> None:
        """Add the current value of each series. Callable in any thread."""
        numbers = chain.from_iterable(codes.values() for codes in self.codes.values())
        totals.counters.update(zip(self._request_keys, numbers, strict=True))
        totals.counters[self._rows_key] = self.rows
        for key, observations in self._histograms:
            totals.histograms[key] = observations.histogram()
