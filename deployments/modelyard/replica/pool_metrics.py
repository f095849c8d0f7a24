"""The metrics of a pool's replica: its own, and those of its models, which outlive each load of a model."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
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
from modelyard.telemetry.metrics.snapshot import Exemplar, Key, MetricsSnapshot, Totals


class PoolMetrics:
    """Models that have had no request have no series."""

    def __init__(self) -> None:
        self.args: PoolArgs | None = None
        """Set once. Without it, there are the metrics of the models only."""
        self._had_requests: set[str] = set()
        self._reports: Mapping[str, ModelReport] = {}
        self._servers: set[ModelServer] = set()
        self._retired = Totals()
        """Of models that are no longer in memory: a total never decreases."""
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
            if server.requests:
                self._retired.add(final.totals)
                self._had_requests.add(server.spec.name)

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
            known = self._had_requests
            known.update([each.spec.name for each in self._servers if each.spec.name not in known and each.requests])
            found = known & reports.keys()
        self._reports = reports
        return {**reports, **{name: replace(reports[name], had_requests=True) for name in found}}

    def snapshot(self) -> MetricsSnapshot:
        """All metrics. Callable in any thread."""
        totals = Totals()
        gauges: dict[Key, float] = {}
        exemplars: dict[Key, Mapping[int, Exemplar]] = {}
        with self._lock:
            totals.add(self._retired)
            used = [server for server in self._servers if server.requests]
            for server in used:
                one = server.snapshot()
                totals.add(one.totals)
                gauges.update(one.gauges)
                exemplars.update(one.exemplars)
            shown = self._had_requests | {server.spec.name for server in used}
        self._add_models(shown, totals, gauges)
        if self.args is not None:
            self._add_pool(self.args, totals, gauges)
        return MetricsSnapshot(totals, gauges, exemplars)

    def _add_models(self, names: set[str], totals: Totals, gauges: dict[Key, float]) -> None:
        reports = self._reports
        for name in names:
            totals.counters[MODEL_LOADS.name, name] = self.loads[name]
            totals.counters[MODEL_EVICTIONS.name, name] = self.evictions[name]
            if (report := reports.get(name)) is not None:
                gauges[MODEL_RESIDENT.name, name] = report.resident_bytes

    def _add_pool(self, args: PoolArgs, totals: Totals, gauges: dict[Key, float]) -> None:
        reports = [*self._reports.values()]
        residencies = Counter(report.residency.lower() for report in reports)
        for residency in RESIDENCIES:
            gauges[POOL_MODELS.name, args.name, residency] = residencies[residency]
        gauges[POOL_RESIDENT.name, args.name] = sum(report.resident_bytes for report in reports)
        gauges[POOL_BUDGET.name, args.name] = args.memory
        totals.counters[POOL_LOADS.name, args.name] = self._loads
        totals.counters[POOL_EVICTIONS.name, args.name] = self._evictions
        totals.counters[POOL_REJECTED.name, args.name] = self._rejected
