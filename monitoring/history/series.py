"""Series in the making: counters, gauges and histograms by step, and their text in OpenMetrics with timestamps."""

import math
from collections.abc import Iterator, Mapping

from modelyard.telemetry.metrics.declarations import Metric

Labels = tuple[tuple[str, str], ...]


def labels(**values: str) -> Labels:
    """Labels as a key."""
    return tuple(values.items())


class SyntheticSeries:
    """Every series so far. Call `tick` once a step, after its changes; what `tick` is not told of keeps its value."""

    def __init__(self) -> None:
        self._now: dict[str, dict[Labels, float]] = {}
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, key: Labels, amount: float) -> None:
        """Count."""
        series = self._now.setdefault(name, {})
        series[key] = series.get(key, 0.0) + amount

    def set(self, name: str, key: Labels, value: float) -> None:
        """A gauge."""
        self._now.setdefault(name, {})[key] = value

    def observe(self, metric: Metric, key: Labels, count: float, mean: float, spread: float = 0.5) -> None:
        """`count` observations around `mean`, log-normal: a factor of e^spread is one standard deviation."""
        median = mean * math.exp(-(spread**2) / 2)
        for bound in metric.buckets:
            below = 0.5 * (1 + math.erf((math.log(bound) - math.log(median)) / (spread * math.sqrt(2))))
            self.add(f"{metric.name}_bucket", (*key, ("le", f"{bound:g}")), count * below)
        self.add(f"{metric.name}_bucket", (*key, ("le", "+Inf")), count)
        self.add(f"{metric.name}_count", key, count)
        self.add(f"{metric.name}_sum", key, count * mean)

    def forget(self, name: str, key: Labels) -> None:
        """A series that ends."""
        self._now.get(name, {}).pop(key, None)

    def tick(self, at: int, skip: Mapping[str, bool] | None = None) -> None:
        """Write down every series' value at a time, but for names with a prefix in `skip` that is set."""
        away = tuple(prefix for prefix, gone in (skip or {}).items() if gone)
        for name, series in self._now.items():
            if not name.startswith(away) or not away:
                lines = self._lines.setdefault(name, [])
                lines.extend(f"{name}{_text(key)} {value:.10g} {at}\n" for key, value in series.items())

    def text(self) -> Iterator[str]:
        """OpenMetrics, a family after the other."""
        for lines in self._lines.values():
            yield from lines
        yield "# EOF\n"


def _text(key: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in key) + "}" if key else ""
