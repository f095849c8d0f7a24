"""What one process has counted so far, and sums of that. Plain values, which travel between processes as they are.

All counts are integers, sums of seconds too (in nanoseconds): integers add up to the same in any order, so that no total ever goes
back by a rounding error. Prometheus takes a counter that goes back for one that has started again, and adds all of it once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Key = tuple[str, ...]
"""A series: the metric's name, then its label values in the order of their declaration."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Observations so far."""

    counts: tuple[int, ...]
    """In each bucket by itself, not in those below; the last holds what is above all bounds."""
    nanos: int
    """The sum of what was observed, in units of 1e-9."""

    def plus(self, other: "Histogram", sign: int = 1) -> "Histogram":
        """Both together; or, with sign -1, this one without the other."""
        counts = tuple(mine + sign * others for mine, others in zip(self.counts, other.counts, strict=True))
        return Histogram(counts, self.nanos + sign * other.nanos)


@dataclass(slots=True)
class Totals:
    """Everything that only grows."""

    counters: dict[Key, int] = field(default_factory=dict)
    histograms: dict[Key, Histogram] = field(default_factory=dict)

    def add(self, other: "Totals", sign: int = 1) -> None:
        """Take in the other's counts; or, with sign -1, take out what was taken in before."""
        for key, count in other.counters.items():
            self.counters[key] = self.counters.get(key, 0) + sign * count
        for key, histogram in other.histograms.items():
            mine = self.histograms.get(key) or Histogram((0,) * len(histogram.counts), 0)
            self.histograms[key] = mine.plus(histogram, sign)


class Exemplar(NamedTuple):
    """One observation that a trace tells more of."""

    at: float
    """Unix time; comes first, so that the greatest is the last."""
    value: float
    trace_id: str
    """32 hex digits."""


Exemplars = Mapping[Key, Mapping[int, Exemplar]]
"""The last one in each bucket, by its index, of histograms whose requests are traced."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One process at one moment."""

    totals: Totals
    """Since the process started."""
    gauges: Mapping[Key, float]
    exemplars: Exemplars = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Push:
    """A snapshot on its way to the hub."""

    source: str
    """The process, by a name that no other has or ever had."""
    number: int
    """Rises with each push of the source."""
    known: bool
    """Whether a hub has taken one of this source before."""
    final: bool
    """Whether the source ends now."""
    snapshot: Snapshot
    wish: int = 0
    """The last that the source knew of before it looked at its counts; see `wishes.py`."""
