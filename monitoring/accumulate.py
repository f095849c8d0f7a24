"""Counting inside one process, in plain Python: on the request path, so each call here costs well under a microsecond.

`python -m benchmarks.metrics` measures it. Everything is called on one thread.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from monitoring.metrics import (
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
from monitoring.snapshot import Histogram, Totals


class Observations:
    """One histogram that grows."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, metric: Metric) -> None:
        self._bounds = metric.buckets
        self._counts = [0] * (len(metric.buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one; a value that equals a bound is in its bucket, as Prometheus has it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def histogram(self) -> Histogram:
        """As it is now."""
        return Histogram(tuple(self._counts), round(self._sum * 1e9))


class VersionCounts:
    """What one version of a model has done in this process."""

    def __init__(self, model: str, version: str, protocols: Iterable[str], load_s: float) -> None:
        self._key = (model, version)
        self.codes: Mapping[str, dict[str, int]] = {protocol: dict.fromkeys(CODES, 0) for protocol in protocols}
        """Requests by protocol and code. They are there from the start: a series that begins at 1 has no rate."""
        self._rows = 0
        self._request = Observations(REQUEST_DURATION)
        self._queue = Observations(QUEUE_DURATION)
        self._compute = Observations(COMPUTE_DURATION)
        self._batch = Observations(BATCH_SIZE)
        self._load = Observations(LOAD_DURATION)
        self._load.observe(load_s)

    def request(self, rows: int, total_s: float, queue_s: float) -> None:
        """A request that was taken on has ended; `rows` are those that were answered. Its code is counted apart."""
        self._rows += rows
        self._request.observe(total_s)
        self._queue.observe(queue_s)

    def call(self, rows: int, seconds: float) -> None:
        """The model was called."""
        self._compute.observe(seconds)
        self._batch.observe(rows)

    def add_to(self, totals: Totals) -> None:
        """All series as they are now."""
        key = self._key
        for protocol, codes in self.codes.items():
            for code, count in codes.items():
                totals.counters[(REQUESTS.name, *key, code, protocol)] = count
        totals.counters[(ROWS.name, *key)] = self._rows
        for metric, observations in (
            (REQUEST_DURATION, self._request),
            (QUEUE_DURATION, self._queue),
            (COMPUTE_DURATION, self._compute),
            (BATCH_SIZE, self._batch),
            (LOAD_DURATION, self._load),
        ):
            totals.histograms[(metric.name, *key)] = observations.histogram()
