"""What the last minute was like, for `modelyard status` and `top`: rates need two looks at totals. Pure."""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

from modelyard.telemetry.metrics.declarations import QUEUE_DEPTH, REQUEST_DURATION, REQUESTS
from modelyard.telemetry.metrics.snapshot import Key, Totals

EVERY_S = 5.0
WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """One model, all its versions together, over the last minute."""

    requests_per_s: float
    """Invalid and refused ones included."""
    p99_s: float | None
    """Of those that were taken on, interpolated as Prometheus does it; None where there were none."""
    codes: dict[str, int]
    """Requests by code."""
    queued: int = 0
    """Requests that wait now."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "failed": self.failed}

    @property
    def failed(self) -> int:
        """Those that did not get their answer by the server's fault."""
        return sum(count for code, count in self.codes.items() if code not in ("ok", "invalid"))


@dataclass(frozen=True, slots=True)
class _Counts:
    codes: dict[str, int]
    buckets: list[int]


class RecentTraffic:
    """A few looks at the totals, none older than the window."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, dict[str, _Counts]]] = deque()

    def due(self, now: float) -> bool:
        """Whether it is time for another look."""
        return not self._looks or now - self._looks[-1][0] >= EVERY_S

    def look(self, totals: Totals, now: float) -> None:
        """Remember these totals."""
        self._looks.append((now, _by_model(totals)))
        while now - self._looks[0][0] > WINDOW_S:
            self._looks.popleft()

    def traffic(self, totals: Totals, now: float, gauges: Mapping[Key, float] = {}) -> dict[str, Traffic]:
        """Each model that was ever asked, from the oldest look until now; `gauges` are of now."""
        begun, before = self._looks[0] if self._looks else (now, {})
        passed_s = max(now - begun, 1e-3)
        queued: Counter[str] = Counter()
        for (metric, *labels), value in gauges.items():
            if metric == QUEUE_DEPTH.name:
                queued[labels[0]] += int(value)
        return {
            name: _traffic(before.get(name), counts, passed_s, queued[name])
            for name, counts in _by_model(totals).items()
        }


def _by_model(totals: Totals) -> dict[str, _Counts]:
    models: dict[str, _Counts] = {}

    def of(model: str) -> _Counts:
        return models.setdefault(model, _Counts({}, [0] * (len(REQUEST_DURATION.buckets) + 1)))

    for (name, *labels), count in totals.counters.items():
        if name == REQUESTS.name:
            model, _, code, _ = labels
            codes = of(model).codes
            codes[code] = codes.get(code, 0) + count
    for (name, *labels), histogram in totals.histograms.items():
        if name == REQUEST_DURATION.name:
            buckets = of(labels[0]).buckets
            buckets[:] = [mine + more for mine, more in zip(buckets, histogram.counts, strict=True)]
    return models


def _traffic(before: _Counts | None, after: _Counts, passed_s: float, queued: int) -> Traffic:
    codes = {code: count - (before.codes.get(code, 0) if before else 0) for code, count in after.codes.items()}
    buckets = [
        count - earlier
        for count, earlier in zip(after.buckets, before.buckets if before else [0] * len(after.buckets), strict=True)
    ]
    p99_s = quantile(0.99, REQUEST_DURATION.buckets, buckets)
    return Traffic(sum(codes.values()) / passed_s, p99_s, codes, queued)


def quantile(part: float, bounds: tuple[float, ...], counts: list[int]) -> float | None:
    """The value below which that part of the observations is, taken as even within a bucket; None where there are none.

    What is above all bounds counts as the last of them, as in Prometheus' histogram_quantile.
    """
    upto = list(accumulate(counts))
    if not upto[-1]:
        return None
    rank = part * upto[-1]
    index = bisect_left(upto, rank)
    if index == len(bounds):
        return bounds[-1]
    below = bounds[index - 1] if index else 0.0
    return below + (bounds[index] - below) * (rank - upto[index] + counts[index]) / counts[index]
