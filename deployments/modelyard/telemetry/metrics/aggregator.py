"""Sums the counts of all processes, running and ended, into the totals that the hub exposes.

A total is the sum of each process's last snapshot. Counts are since the start of the process, so a late or repeated push has no
effect. A push may have only the series that have changed since the one before it. If that one is not here, the push is refused, and
the process sends all its series, which makes up for lost ones. A killed process loses only what it counted after its last push, at
most one push interval.

The totals of ended processes are merged, so that the cost of a scrape depends on the number of running processes. The last
MAX_ENDED_SOURCES of them are also stored one by one: if a process was only stalled, its share is subtracted again when it pushes.

A restarted hub reads the state that its predecessor wrote. The hub writes its state before it exposes a total, so totals never
decrease. If there is no state to read, a process that pushed to an earlier hub is counted from its first push to this one. The
totals then start at zero, which Prometheus handles as a counter reset, and they never jump up.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from modelyard.telemetry.metrics.declarations import CAPACITY, METRICS, VERSION
from modelyard.telemetry.metrics.snapshot import Exemplar, Exemplars, Key, Push, Totals

LIVE_S = 5.0
"""The gauges of a process that has not pushed for this long are not exposed."""
END_AFTER_S = 120.0
"""A process that has not pushed for this long counts as ended."""
MAX_ENDED_SOURCES = 1000
"""Number of ended processes that are stored one by one."""

VERSION_TTL_S = 3600.0
"""The series of a version that no process has reported for this long are dropped. If it returns, they start at zero."""

_MAX = {metric.name for metric in METRICS if metric.merge == "max"}
_VERSION_METRICS = {metric.name for metric in METRICS if metric.labels[:2] == VERSION}
Version = tuple[str, ...]
"""Model name and version."""


@dataclass(slots=True)
class PushSource:
    """One process that pushes."""

    number: int
    """Number of its last push."""
    received_at: float
    totals: Totals
    baseline: Totals
    """Counts to subtract. Empty unless the process pushed before and this hub has no state of it."""
    gauges: dict[Key, float]
    exemplars: dict[Key, Mapping[int, Exemplar]] = field(default_factory=dict)
    refresh_id: int = 0
    """See Push."""
    is_complete: bool = True
    """Whether all gauges of its last push are here: not after a restart of the hub, and not if it counted as ended."""

    def contribution(self) -> Totals:
        """Its share of the totals."""
        if not self.baseline.counters and not self.baseline.histograms:
            return self.totals
        share = Totals()
        share.add(self.totals)
        share.add(self.baseline, -1)
        return share


@dataclass(frozen=True, slots=True)
class ModelTotals:
    """Counts of some models."""

    totals: Totals
    """Of those models only."""
    running: frozenset[Version]
    """Versions that have a running replica."""


@dataclass(slots=True)
class MetricsAggregator:
    """The state of the hub. Times are seconds of the hub's monotonic clock."""

    restored: bool = False
    """Whether the state of an earlier hub was read."""
    live: dict[str, PushSource] = field(default_factory=dict)
    ended: OrderedDict[str, PushSource] = field(default_factory=OrderedDict)
    """The last ended processes, oldest first."""
    ended_totals: Totals = field(default_factory=Totals)
    """The sum over all ended processes, including those in `ended`."""
    reported_at: dict[Version, float] = field(default_factory=dict)
    """When a process last reported each version."""

    def apply(self, push: Push, now: float) -> bool:
        """Store a push. One that is older than the last push of its source is ignored.

        Returns False if the push updates one that is not here; nothing has changed then.
        """
        source = self.live.get(push.source)
        if push.base and (source is None or not source.is_complete or source.number != push.base):
            return False
        snapshot = push.snapshot
        source = source or self._revive(push.source)
        if source is None:
            baseline = snapshot.totals if push.acknowledged and not self.restored else Totals()
            source = PushSource(push.number, now, Totals(), baseline, {})
        elif push.number <= source.number:
            self.live[push.source] = source
            return True
        if not push.base:
            source.totals, source.gauges, source.exemplars, source.is_complete = Totals(), {}, {}, True
        source.totals.replace(snapshot.totals)
        for key in push.gone:
            source.gauges.pop(key, None)
            source.exemplars.pop(key, None)
        source.gauges.update(snapshot.gauges)
        source.exemplars.update(snapshot.exemplars)
        source.number, source.received_at, source.refresh_id = push.number, now, push.refresh_id
        self.reported_at |= dict.fromkeys(_versions(snapshot.totals, snapshot.gauges), now)
        self.live[push.source] = source
        if push.final:
            self._end(push.source)
        return True

    def expire(self, now: float) -> None:
        """End the processes that have not pushed for END_AFTER_S; drop the versions not reported for VERSION_TTL_S."""
        for source in self.live.values():
            self.reported_at |= dict.fromkeys(_versions(source.totals, source.gauges), source.received_at)
        for name in [name for name, source in self.live.items() if now - source.received_at > END_AFTER_S]:
            self._end(name)
        for version in _versions(self.ended_totals):
            self.reported_at.setdefault(version, now)  # after a restart the time of the last report is unknown
        expired = {version for version, at in self.reported_at.items() if now - at > VERSION_TTL_S}
        if expired:
            self._drop(expired)

    def totals(self) -> Totals:
        """The sum over all processes that have ever pushed."""
        total = Totals()
        total.add(self.ended_totals)
        for source in self.live.values():
            total.add(source.contribution())
        return total

    def model_totals(self, models: Collection[str], now: float) -> ModelTotals:
        """The totals of these models."""
        totals = self.totals()
        return ModelTotals(
            Totals(
                {key: count for key, count in totals.counters.items() if key[1] in models},
                {key: histogram for key, histogram in totals.histograms.items() if key[1] in models},
            ),
            frozenset(key[1:] for key in self.gauges(now) if key[0] == CAPACITY.name and key[1] in models),
        )

    def is_refreshed(self, refresh_id: int, models: Collection[str], now: float) -> bool:
        """Whether every live process of these models has pushed a snapshot since this refresh was requested."""
        return all(
            source.refresh_id >= refresh_id
            for source in self._live_sources(now)
            if any(key[1] in models for key in source.totals.histograms)
        )

    def gauges(self, now: float) -> dict[Key, float]:
        """The merged gauges of all live processes."""
        merged: dict[Key, float] = {}
        for source in self._live_sources(now):
            for key, value in source.gauges.items():
                if key not in merged:
                    merged[key] = value
                else:
                    merged[key] = max(merged[key], value) if key[0] in _MAX else merged[key] + value
        return merged

    def exemplars(self, now: float) -> Exemplars:
        """The latest exemplar of each bucket over all live processes."""
        merged: dict[Key, dict[int, Exemplar]] = {}
        for source in self._live_sources(now):
            for key, by_bucket in source.exemplars.items():
                latest = merged.setdefault(key, {})
                for bucket, exemplar in by_bucket.items():
                    latest[bucket] = max(exemplar, latest.get(bucket, exemplar))
        return merged

    def replicas(self, now: float) -> int:
        """The number of live processes that serve a model, which are those that have histograms."""
        return sum(bool(source.totals.histograms) for source in self._live_sources(now))

    def _live_sources(self, now: float) -> Iterator[PushSource]:
        return (source for source in self.live.values() if now - source.received_at <= LIVE_S)

    def _end(self, name: str) -> None:
        source = self.live.pop(name)
        source.gauges, source.exemplars, source.is_complete = {}, {}, False
        self.ended_totals.add(source.contribution())
        self.ended[name] = source
        if len(self.ended) > MAX_ENDED_SOURCES:
            self.ended.popitem(last=False)

    def _drop(self, versions: Collection[Version]) -> None:
        ended = (part for source in self.ended.values() for part in (source.totals, source.baseline))
        for totals in (self.ended_totals, *ended):
            for series in (totals.counters, totals.histograms):
                for key in [key for key in series if key[0] in _VERSION_METRICS and key[1:3] in versions]:
                    del series[key]
        for version in versions:
            del self.reported_at[version]

    def _revive(self, name: str) -> PushSource | None:
        """Take a process that pushes again out of the ended ones; None if it is not among them."""
        source = self.ended.pop(name, None)
        if source is not None:
            self.ended_totals.add(source.contribution(), -1)
        return source


def _versions(totals: Totals, gauges: Iterable[Key] = ()) -> set[Version]:
    series = (totals.counters, totals.histograms, gauges)
    return {key[1:3] for part in series for key in part if key[0] in _VERSION_METRICS}
