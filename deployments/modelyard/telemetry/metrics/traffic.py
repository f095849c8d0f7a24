"""Traffic of the last minute, for `modelyard status` and `top`: request rates from samples of the totals."""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

from modelyard.telemetry.metrics.declarations import QUEUE_DEPTH, REQUEST_DURATION, REQUESTS
from modelyard.telemetry.metrics.snapshot import Key, Totals

SAMPLE_INTERVAL_S = 5.0
WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """The traffic of one model, all versions together, over the last minute."""

    requests_per_s: float
    """Includes invalid and rejected requests."""
    p99_s: float | None
    """Of accepted requests, interpolated as in Prometheus; None without requests."""
    codes: dict[str, int]
    """Number of requests by code."""
    queued: int = 0
    """Number of requests in the queues now."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "failed": self.failed}

    @property
    def failed(self) -> int:
        """Number of requests that failed through the server's fault."""
        return sum(count for code, count in self.codes.items() if code not in ("ok", "invalid"))


@dataclass(frozen=True, slots=True)
class _Counts:
    codes: dict[str, int]
    buckets: list[int]


class RecentTraffic:
    """Samples of the totals, none older than the window."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, dict[str, _Counts]]] = deque()

    def is_due(self, now: float) -> bool:
        """Whether it is time for the next sample."""
        return not self._samples or now - self._samples[-1][0] >= SAMPLE_INTERVAL_S

    def add_sample(self, totals: Totals, now: float) -> None:
        """Store these totals as a sample."""
        self._samples.append((now, _by_model(totals)))
        while now - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()

    def traffic(self, totals: Totals, now: float, gauges: Mapping[Key, float] = {}) -> dict[str, Traffic]:
        """The traffic of each model from the oldest sample to now. `totals` and `gauges` are the current ones."""
        start, before = self._samples[0] if self._samples else (now, {})
        elapsed_s = max(now - start, 1e-3)
        queued: Counter[str] = Counter()
        for (metric, *labels), value in gauges.items():
            if metric == QUEUE_DEPTH.name:
                queued[labels[0]] += int(value)
        return {
            name: _traffic(before.get(name), counts, elapsed_s, queued[name])
            for name, counts in _by_model(totals).items()
        }


def _by_model(totals: Totals) -> dict[str, _Counts]:
    models: dict[str, _Counts] = {}

    def counts_of(model: str) -> _Counts:
        return models.setdefault(model, _Counts({}, [0] * (len(REQUEST_DURATION.buckets) + 1)))

    for (name, *labels), count in totals.counters.items():
        if name == REQUESTS.name:
            model, _, code, _ = labels
            codes = counts_of(model).codes
            codes[code] = codes.get(code, 0) + count
    for (name, *labels), histogram in totals.histograms.items():
        if name == REQUEST_DURATION.name:
            buckets = counts_of(labels[0]).buckets
            buckets[:] = [mine + more for mine, more in zip(buckets, histogram.counts, strict=True)]
    return models


def _traffic(before: _Counts | None, after: _Counts, elapsed_s: float, queued: int) -> Traffic:
    codes = {code: count - (before.codes.get(code, 0) if before else 0) for code, count in after.codes.items()}
    buckets = [
        count - earlier
        for count, earlier in zip(after.buckets, before.buckets if before else [0] * len(after.buckets), strict=True)
    ]
    p99_s = quantile(0.99, REQUEST_DURATION.buckets, buckets)
    return Traffic(sum(codes.values()) / elapsed_s, p99_s, codes, queued)


def quantile(q: float, bounds: tuple[float, ...], counts: list[int]) -> float | None:
    """The q-quantile of a histogram, interpolated linearly within a bucket; None without observations.

    Values above all bounds count as the last bound, as in Prometheus' histogram_quantile.
    """
    cumulative = list(accumulate(counts))
    if not cumulative[-1]:
        return None
    rank = q * cumulative[-1]
    index = bisect_left(cumulative, rank)
    if index == len(bounds):
        return bounds[-1]
    lower = bounds[index - 1] if index else 0.0
    return lower + (bounds[index] - lower) * (rank - cumulative[index] + counts[index]) / counts[index]
