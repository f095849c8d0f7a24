"""Selects the level that meets a 99th percentile. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.cli.bench.levels import LevelResult

NOISE = 0.95
"""A level with at least this share of the best throughput counts as equal to it: stable windows differ by as much."""
CHECKED_SHARES = (0.8, 0.6, 0.4)
"""Shares of a level's throughput at which random arrivals are tried, until the limit is met."""


@dataclass(frozen=True, slots=True)
class Check:
    """A load whose requests arrive at random times, whether earlier ones are answered or not."""

    share: float
    """Of the level's throughput."""
    result: LevelResult
    """Latencies count from each request's arrival."""

    @property
    def mean_in_flight(self) -> float:
        """By Little's law."""
        window = self.result.window
        return sum(window.latencies_s) / window.elapsed_s

    def meets(self, p99_ms: float) -> bool:
        """Whether all requests were answered, and 99 % of them within the limit."""
        unchanged = self.result.replicas == self.result.replicas_before
        return not self.result.window.errors and unchanged and self.result.p99_ms <= p99_ms

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        more = {"mean_in_flight": round(self.mean_in_flight, 3), "peak_in_flight": self.result.window.peak_in_flight}
        late_ms = round(1e3 * self.result.window.client_late_s, 3)
        return {"share": self.share, **self.result.as_json(), **more, "client_late_ms": late_ms}


def throughput(result: LevelResult) -> float:
    """Rows per second that are sustained, or requests per second if the number of rows is not known."""
    return result.sustained_per_s * (result.rows_per_request or 1.0)


def best_level(results: Sequence[LevelResult], p99_ms: float) -> LevelResult | None:
    """The level with the highest throughput that meets the limit, or one that is as good within noise and faster."""
    meeting = [each for each in results if each.meets(p99_ms)]
    if not meeting:
        return None
    top = max(map(throughput, meeting))
    return min((each for each in meeting if throughput(each) >= NOISE * top), key=lambda each: each.p99_ms)


def nearest_level(results: Sequence[LevelResult]) -> LevelResult | None:
    """The level without errors that has the lowest 99th percentile."""
    without_errors = [each for each in results if not each.window.errors and each.latencies]
    return min(without_errors, key=lambda each: each.p99_ms, default=None)
