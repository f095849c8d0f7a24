"""The metrics of a pool's replica: its own, and those of its models, which outlive each load of a model."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from modelyard.ray_serve.application import PoolArgs
from modelyard.ray_serve.pool_report import ModelReport
from modelyard.replica.model_server import ModelServer
from modelyard.telemetry.metrics.declarations import (
    MODEL_EVICTIONS,
    MODEL_LOADS,
    MODEL_RESIDENT,
    POOL_BUDGET,
    POOL_EVICTIONS,
    POOL_LOADS,
    POOL_MODELS,
    POOL_REJECTED,
    POOL_RESIDENT,
    RESIDENCIES,
)
from modelyard.telemetry.metrics.snapshot import Exemplar, Key, MetricsSnapshot, Parts, Totals


@dataclass(frozen=True, slots=True)
class _PartSource:
    """What the metrics of a model are made of."""

    snapshots: Sequence[MetricsSnapshot]
    """Of the model in memory, and the counts of earlier loads."""
    loads: int
    evictions: int
    resident_bytes: int | None

    def part(self, name: str) -> MetricsSnapshot:
        totals = Totals({(MODEL_LOADS.name, name): self.loads, (MODEL_EVICTIONS.name, name): self.evictions})
        gauges: dict[Key, float] = {}
        exemplars: dict[Key, Mapping[int, Exemplar]] = {}
        for each in self.snapshots:
            totals.add(each.totals)
            gauges.update(each.gauges)
            exemplars.update(each.exemplars)
        if self.resident_bytes is not None:
            gauges[MODEL_RESIDENT.name, name] = self.resident_bytes
        return MetricsSnapshot(totals, gauges, exemplars)


class PoolMetrics:
    """Models that have had no request have no series."""

    def __init__(self) -> None:
        self.args: PoolArgs | None = None
        """Set once. Without it, there are the metrics of the models only."""
        self._had_requests: set[str] = set()
        self._reports: Mapping[str, ModelReport] = {}
        self._servers: set[ModelServer] = set()
        self._used: set[ModelServer] = set()
        """Those that have had a request."""
        self._retired: dict[str, MetricsSnapshot] = {}
        """By model, of loads that have ended: a total never decreases."""
        self._parts: dict[str, tuple[_PartSource, MetricsSnapshot]] = {}
        """The last part of each model."""
        self._lock = Lock()
        self.loads: Counter[str] = Counter()
        self.evictions: Counter[str] = Counter()
        self._loads = self._evictions = self._rejected = 0

    def add(self, server: ModelServer) -> None:
        """Count the requests of this from now on."""
        with self._lock:
            self._servers.add(server)

    def retire(self, server: ModelServer) -> None:
        """Keep the counts of a server that is closed."""
        final = server.snapshot()
        with self._lock:
            self._servers.discard(server)
            self._used.discard(server)
            if server.requests:
                name, totals = server.spec.name, Totals()
                if earlier := self._retired.get(name):
                    totals.add(earlier.totals)
                totals.add(final.totals)
                self._retired[name] = MetricsSnapshot(totals, {})
                self._had_requests.add(name)

    def loaded(self, model: str) -> None:
        """A load has completed."""
        self.loads[model] += 1
        self._loads += 1

    def evicted(self, model: str) -> None:
        """A model was released."""
        self.evictions[model] += 1
        self._evictions += 1

    def rejected(self) -> None:
        """A request for a cold model was rejected, because the pool spends most of its time loading models."""
        self._rejected += 1

    def marked(self, reports: Mapping[str, ModelReport]) -> dict[str, ModelReport]:
        """The same reports with `had_requests`. They are also the state of the models in the next snapshots."""
        with self._lock:
            self._find_used()
            found = self._had_requests & reports.keys()
        self._reports = reports
        return {**reports, **{name: replace(reports[name], had_requests=True) for name in found}}

    def parts(self) -> Parts:
        """All metrics, by model; a part is the same object while it does not change. For one thread, which may be any."""
        with self._lock:
            self._find_used()
            retired, used = dict(self._retired), list(self._used)
            found: dict[str, list[MetricsSnapshot]] = {name: [] for name in self._had_requests}
        for name, counts in retired.items():
            found[name].append(counts)
        for server in used:  # without the lock, which `retire` waits for on the event loop
            found[server.spec.name].append(server.snapshot())
        parts = {name: self._model_part(name, snapshots) for name, snapshots in found.items()}
        if self.args is not None:
            parts[self.args.application] = self._pool_part(self.args)
        return parts

    def _find_used(self) -> None:
        self._used.update([server for server in self._servers - self._used if server.requests])
        self._had_requests.update([server.spec.name for server in self._used])

    def _model_part(self, name: str, snapshots: Sequence[MetricsSnapshot]) -> MetricsSnapshot:
        report = self._reports.get(name)
        source = _PartSource(
            snapshots, self.loads[name], self.evictions[name], None if report is None else report.resident_bytes
        )
        known, part = self._parts.get(name, (None, None))
        if part is None or known != source:
            part = source.part(name)
            self._parts[name] = source, part
            time.sleep(0)  # let the event loop run, which waits 0.5 ms for a thread that keeps the interpreter's lock
        return part

    def _pool_part(self, args: PoolArgs) -> MetricsSnapshot:
        reports = [*self._reports.values()]
        residencies = Counter(report.residency.lower() for report in reports)
        gauges: dict[Key, float] = {
            (POOL_MODELS.name, args.name, residency): residencies[residency] for residency in RESIDENCIES
        }
        gauges[POOL_RESIDENT.name, args.name] = sum(report.resident_bytes for report in reports)
        gauges[POOL_BUDGET.name, args.name] = args.memory
        counters: dict[Key, int] = {
            (POOL_LOADS.name, args.name): self._loads,
            (POOL_EVICTIONS.name, args.name): self._evictions,
            (POOL_REJECTED.name, args.name): self._rejected,
        }
        return MetricsSnapshot(Totals(counters), gauges)
