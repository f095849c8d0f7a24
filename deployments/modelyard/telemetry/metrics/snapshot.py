"""The counts of one process, and sums of counts. Plain values that can be sent between processes.

All counts are integers, and so are sums of seconds (in nanoseconds). The sum of integers does not depend on their order, so a total
never decreases through a rounding error. Prometheus treats a counter that decreases as restarted, and adds its whole value again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

Key = tuple[str, ...]
"""A series: the metric's name and its label values, in the order of their declaration."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """The observations of one series."""

    counts: tuple[int, ...]
    """Observations in each bucket, not cumulative. The last one counts the values above all bounds."""
    nanos: int
    """The sum of the observed values, in units of 1e-9."""

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: what a dataclass has is ten times slower."""
        return Histogram, (self.counts, self.nanos)

    def plus(self, other: "Histogram", sign: int) -> "Histogram":
        """The sum of both with sign 1, the difference with sign -1."""
        counts = tuple(mine + sign * others for mine, others in zip(self.counts, other.counts, strict=True))
        return Histogram(counts, self.nanos + sign * other.nanos)


@dataclass(slots=True)
class Totals:
    """All series that only increase."""

    counters: dict[Key, int] = field(default_factory=dict)
    histograms: dict[Key, Histogram] = field(default_factory=dict)

    def replace(self, other: "Totals") -> None:
        """Have the other's series in place of one's own of the same keys."""
        self.counters.update(other.counters)
        self.histograms.update(other.histograms)

    def add(self, other: "Totals", sign: int = 1) -> None:
        """Add the other's counts; with sign -1, subtract them."""
        for key, count in other.counters.items():
            self.counters[key] = self.counters.get(key, 0) + sign * count
        for key, histogram in other.histograms.items():
            mine = self.histograms.get(key)
            if mine is None and sign == 1:
                self.histograms[key] = histogram
            else:
                self.histograms[key] = (mine or Histogram((0,) * len(histogram.counts), 0)).plus(histogram, sign)


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
    """The metrics of one process, or of a part of it, at one moment."""

    totals: Totals
    """Counted since the process started."""
    gauges: Mapping[Key, float]
    exemplars: Exemplars = field(default_factory=dict)


NOTHING = MetricsSnapshot(Totals(), {})

Parts = Mapping[str, MetricsSnapshot]
"""The metrics of one process, divided so that an unchanged part is not sent again: by model in a pool. No two parts have the same
series. A part that has not changed should be the same object as before."""


@dataclass(frozen=True, slots=True)
class Push:
    """What is sent to the hub: the metrics of a process, or those that have changed."""

    source: str
    """Unique id of the process."""
    number: int
    """Increases with each push of the source."""
    acknowledged: bool
    """Whether a hub has stored an earlier push of this source."""
    final: bool
    """Whether this is the last push of the source."""
    snapshot: MetricsSnapshot
    """Complete, or the changed series only; see `base`. All counts are since the start of the process."""
    refresh_id: int = 0
    """The last refresh request that the source had seen when it read its counts; see `refresh.py`."""
    base: int = 0
    """The number of the push whose metrics the snapshot updates; 0 if it is complete."""
    gone: frozenset[Key] = frozenset()
    """Gauges and exemplars of the base that do not exist any more."""


def complete(parts: Parts) -> MetricsSnapshot:
    """All parts as one snapshot."""
    snapshot, _ = changes({}, parts)
    return snapshot


def changes(before: Parts, now: Parts) -> tuple[MetricsSnapshot, frozenset[Key]]:
    """The series that have changed, and the gauges and exemplars that do not exist any more."""
    totals = Totals()
    gauges: dict[Key, float] = {}
    exemplars: dict[Key, Mapping[int, Exemplar]] = {}
    gone: set[Key] = set()
    for name in before.keys() | now.keys():
        old, new = before.get(name, NOTHING), now.get(name, NOTHING)
        if old is new or old == new:
            continue
        totals.counters.update(_changed(old.totals.counters, new.totals.counters))
        totals.histograms.update(_changed(old.totals.histograms, new.totals.histograms))
        gauges.update(_changed(old.gauges, new.gauges))
        exemplars.update(_changed(old.exemplars, new.exemplars))
        gone.update(old.gauges.keys() - new.gauges.keys(), old.exemplars.keys() - new.exemplars.keys())
    return MetricsSnapshot(totals, gauges, exemplars), frozenset(gone)


def _changed(old: Mapping[Key, T], new: Mapping[Key, T]) -> dict[Key, T]:
    return {key: value for key, value in new.items() if (known := old.get(key)) is not value and known != value}
