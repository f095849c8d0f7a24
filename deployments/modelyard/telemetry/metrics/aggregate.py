"""The hub's book-keeping: what every process has counted, and the sums that are shown. Pure.

A total is the sum of each process's last snapshot, whether the process lives or not. Snapshots are cumulative, so a push that gets
lost is made up by the next, and one that comes twice or late changes nothing. What a killed process counted after its last push is
lost: at most one interval.

The processes that have ended are added up into one, so that a scrape costs by those that live. They are remembered for a while all
the same: one that was only stalled takes its place again, and nothing is counted twice.

A hub that is started again reads what its predecessor wrote, and nothing is shown before it is written: so no total ever goes back,
and those that live catch up with their next push. A hub that finds nothing to read counts a process from its first push on, if it
had pushed to somebody before. Its totals then begin at zero, which Prometheus takes for what it is; they never jump up.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from modelyard.telemetry.metrics.declarations import CAPACITY, METRICS, VERSION
from modelyard.telemetry.metrics.snapshot import Exemplar, Exemplars, Key, Push, Totals

LIVE_S = 5.0
"""The gauges of a process that has been silent for so long are not shown."""
ENDED_S = 120.0
"""A process that has been silent for so long is added to the ended ones."""
REMEMBERED = 1000
"""So many of the ended are remembered one by one."""

FORGET_S = 3600.0
"""The series of a version that no process has told of for so long are dropped; should it come back, they begin at zero."""

_MAX = {metric.name for metric in METRICS if metric.merge == "max"}
_OF_A_VERSION = {metric.name for metric in METRICS if metric.labels[:2] == VERSION}
Version = tuple[str, ...]
"""A model's name and the version's."""


@dataclass(slots=True)
class Source:
    """One process that pushes."""

    number: int
    heard_at: float
    totals: Totals
    before: Totals
    """What of it is not to be counted; empty but for a hub that has lost its book."""
    gauges: dict[Key, float]
    exemplars: Exemplars = field(default_factory=dict)
    wish: int = 0
    """See Push."""

    def counted(self) -> Totals:
        """Its part in the totals."""
        if not self.before.counters and not self.before.histograms:
            return self.totals
        part = Totals()
        part.add(self.totals)
        part.add(self.before, -1)
        return part


@dataclass(frozen=True, slots=True)
class Counted:
    """What some models have done."""

    totals: Totals
    """Of those models alone."""
    running: frozenset[Version]
    """What has a replica now."""


@dataclass(slots=True)
class MetricsAggregator:
    """All that the hub knows. Times are seconds of the hub's own clock."""

    restored: bool = False
    """Whether this goes on from what a hub before has written."""
    live: dict[str, Source] = field(default_factory=dict)
    ended: OrderedDict[str, Source] = field(default_factory=OrderedDict)
    """The last ones, oldest first."""
    kept: Totals = field(default_factory=Totals)
    """The sum of all that have ended, those in `ended` included."""
    told_at: dict[Version, float] = field(default_factory=dict)
    """When a process last told of a version."""

    def take(self, push: Push, now: float) -> None:
        """Note a push; one that is older than what is known of its source is dropped."""
        source = self.live.get(push.source) or self._woken(push.source)
        snapshot = push.snapshot
        if source is None:
            before = snapshot.totals if push.known and not self.restored else Totals()
            source = Source(push.number, now, snapshot.totals, before, {})
        elif push.number <= source.number:
            self.live[push.source] = source
            return
        source.number, source.heard_at = push.number, now
        source.totals, source.gauges = snapshot.totals, dict(snapshot.gauges)
        source.exemplars, source.wish = snapshot.exemplars, push.wish
        self.told_at |= dict.fromkeys(_versions(source), now)
        self.live[push.source] = source
        if push.final:
            self._end(push.source)

    def tidy(self, now: float) -> None:
        """Add those that have been silent for long to the ended; forget versions of which nobody has told for longer."""
        for name in [name for name, source in self.live.items() if now - source.heard_at > ENDED_S]:
            self._end(name)
        for version in _versions_in(self.kept):
            self.told_at.setdefault(version, now)  # when that was, only the hub before this one knew
        gone = {version for version, at in self.told_at.items() if now - at > FORGET_S}
        if gone:
            self._forget(gone)

    def totals(self) -> Totals:
        """The sum over all processes that ever pushed."""
        total = Totals()
        total.add(self.kept)
        for source in self.live.values():
            total.add(source.counted())
        return total

    def counted(self, models: Collection[str], now: float) -> Counted:
        """What these have done."""
        totals = self.totals()
        return Counted(
            Totals(
                {key: count for key, count in totals.counters.items() if key[1] in models},
                {key: histogram for key, histogram in totals.histograms.items() if key[1] in models},
            ),
            frozenset(key[1:] for key in self.gauges(now) if key[0] == CAPACITY.name and key[1] in models),
        )

    def granted(self, wish: int, models: Collection[str], now: float) -> bool:
        """Whether all live processes of these models have looked at their counts since that wish."""
        return all(
            source.wish >= wish
            for source in self._heard(now)
            if any(key[1] in models for key in source.totals.histograms)
        )

    def gauges(self, now: float) -> dict[Key, float]:
        """Those of the live processes together."""
        together: dict[Key, float] = {}
        for source in self._heard(now):
            for key, value in source.gauges.items():
                if key not in together:
                    together[key] = value
                else:
                    together[key] = max(together[key], value) if key[0] in _MAX else together[key] + value
        return together

    def exemplars(self, now: float) -> Exemplars:
        """The last in each bucket, of those that the live processes tell."""
        together: dict[Key, dict[int, Exemplar]] = {}
        for source in self._heard(now):
            for key, told in source.exemplars.items():
                mine = together.setdefault(key, {})
                for bucket, exemplar in told.items():
                    mine[bucket] = max(exemplar, mine.get(bucket, exemplar))
        return together

    def replicas(self, now: float) -> int:
        """How many live processes serve a model: those that have counters of one."""
        return sum(bool(source.totals.histograms) for source in self._heard(now))

    def _heard(self, now: float) -> Iterator[Source]:
        return (source for source in self.live.values() if now - source.heard_at <= LIVE_S)

    def _end(self, name: str) -> None:
        source = self.live.pop(name)
        source.gauges, source.exemplars = {}, {}
        self.kept.add(source.counted())
        self.ended[name] = source
        if len(self.ended) > REMEMBERED:
            self.ended.popitem(last=False)

    def _forget(self, versions: Collection[Version]) -> None:
        for totals in (self.kept, *(part for source in self.ended.values() for part in (source.totals, source.before))):
            for series in (totals.counters, totals.histograms):
                for key in [key for key in series if key[0] in _OF_A_VERSION and key[1:3] in versions]:
                    del series[key]
        for version in versions:
            del self.told_at[version]

    def _woken(self, name: str) -> Source | None:
        """A process that was taken for ended and was not."""
        source = self.ended.pop(name, None)
        if source is not None:
            self.kept.add(source.counted(), -1)
        return source


def _versions(source: Source) -> set[Version]:
    return _versions_in(source.totals) | {key[1:3] for key in source.gauges if key[0] in _OF_A_VERSION}


def _versions_in(totals: Totals) -> set[Version]:
    return {key[1:3] for part in (totals.counters, totals.histograms) for key in part if key[0] in _OF_A_VERSION}
