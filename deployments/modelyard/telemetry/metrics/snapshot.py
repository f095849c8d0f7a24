"""The counts of one process, and sums of counts. Plain values that can be sent between processes.

All counts are integers, and so are sums of seconds (in nanoseconds). The sum of integers does not depend on their order, so a total
never decreases through a rounding error. Prometheus treats a counter that decreases as restarted, and adds its whole value again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Key = tuple[str, ...]
"""A series: the metric's name and its label values, in the order of their declaration."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """The observations of one series."""

    counts: tuple[int, ...]
    """Observations in each bucket, not cumulative. The last one counts the values above all bounds."""
    nanos: int
    """The sum of the observed values, in units of 1e-9."""

    def plus(self, other: "Histogram", sign: int) -> "Histogram":
        """The sum of both with sign 1, the difference with sign -1."""
        counts = tuple(mine + sign * others for mine, others in zip(self.counts, other.counts, strict=True))
        return Histogram(counts, self.nanos + sign * other.nanos)


@dataclass(slots=True)
class Totals:
    """All series that only increase."""

    counters: dict[Key, int] = field(default_factory=dict)
    histograms: dict[Key, Histogram] = field(default_factory=dict)

    def add(self, other: "Totals", sign: int = 1) -> None:
        """Add the other's counts; with sign -1, subtract them."""
        for key, count in other.counters.items():
            self.counters[key] = self.counters.get(key, 0) + sign * count
        for key, histogram in other.histograms.items():
            mine = self.histograms.get(key) or Histogram((0,) * len(histogram.counts), 0)
            self.histograms[key] = mine.plus(histogram, sign)


class Exemplar(NamedTuple):
    """One observation of a traced request."""

    at: float
    """Unix time. The first field, so that the latest exemplar is the greatest."""
    value: float
    trace_id: str
    """32 hex digits."""


Exemplars = Mapping[Key, Mapping[int, Exemplar]]
"""The latest exemplar of each bucket, by series and bucket index."""


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The metrics of one process at one moment."""

    totals: Totals
    """Counted since the process started."""
    gauges: Mapping[Key, float]
    exemplars: Exemplars = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Push:
    """A snapshot in the form that is sent to the hub."""

    source: str
    """Unique id of the process."""
    number: int
    """Increases with each push of the source."""
    acknowledged: bool
    """Whether a hub has stored an earlier push of this source."""
    final: bool
    """Whether this is the last push of the source."""
    snapshot: MetricsSnapshot
    refresh_id: int = 0
    """The last refresh request that the source had seen when it read its counts; see `refresh.py`."""
