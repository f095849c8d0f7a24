"""Synthetic time series: counters, gauges and histograms per step, written as OpenMetrics with timestamps."""

import math
from collections.abc import Iterator, Mapping

from modelyard.telemetry.metrics.declarations import Metric

Labels = tuple[tuple[str, str], ...]


def labels(**values: str) -> Labels:
    """Labels as a dictionary key."""
    return tuple(values.items())


class SyntheticSeries:
    """Current values and past samples of all series. Call `tick` once per step, after the step's changes."""

    def __init__(self) -> None:
        self._now: dict[str, dict[Labels, float]] = {}
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, key: Labels, amount: float) -> None:
        """Increase a counter."""
        series = self._now.setdefault(name, {})
        series[key] = series.get(key, 0.0) + amount

    def set(self, name: str, key: Labels, value: float) -> None:
        """Set a gauge."""
        self._now.setdefault(name, {})[key] = value

    def observe(self, metric: Metric, key: Labels, count: float, mean: float, spread: float = 0.5) -> None:
        """Add `count` observations to a histogram, log-normal with this mean; one standard deviation is a factor of e^spread."""
        median = mean * math.exp(-(spread**2) / 2)
        for bound in metric.buckets:
            below = 0.5 * (1 + math.erf((math.log(bound) - math.log(median)) / (spread * math.sqrt(2))))
            self.add(f"{metric.name}_bucket", (*key, ("le", f"{bound:g}")), count * below)
        self.add(f"{metric.name}_bucket", (*key, ("le", "+Inf")), count)
        self.add(f"{metric.name}_count", key, count)
        self.add(f"{metric.name}_sum", key, count * mean)

    def forget(self, name: str, key: Labels) -> None:
        """End a series."""
        self._now.get(name, {}).pop(key, None)

    def tick(self, at: int, skip: Mapping[str, bool] | None = None) -> None:
        """Record a sample of every series at Unix time `at`, except names that start with a prefix in `skip` that is true."""
        skipped = tuple(prefix for prefix, missing in (skip or {}).items() if missing)
        for name, series in self._now.items():
            if not skipped or not name.startswith(skipped):
                lines = self._lines.setdefault(name, [])
                lines.extend(f"{name}{_text(key)} {value:.10g} {at}\n" for key, value in series.items())

    def text(self) -> Iterator[str]:
        """All samples as OpenMetrics lines, grouped by family."""
        for lines in self._lines.values():
            yield from lines
        yield "# EOF\n"


def _text(key: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in key) + "}" if key else ""
