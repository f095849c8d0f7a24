"""The metrics of a pool's replica: those of its models, which outlive each load of a model."""

from collections import Counter
from collections.abc import Mapping
from threading import Lock

from modelyard.replica.model_server import ModelServer
from modelyard.telemetry.metrics.snapshot import Exemplar, Key, MetricsSnapshot, Totals


class PoolMetrics:
    """Models that have had no request have no series."""

    def __init__(self) -> None:
        self._servers: set[ModelServer] = set()
        self._retired = Totals()
        """Of models that are no longer in memory: a total never decreases."""
        self._lock = Lock()
        self.loads: Counter[str] = Counter()
        self.evictions: Counter[str] = Counter()

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

    def loaded(self, model: str) -> None:
        """A load has completed."""
        self.loads[model] += 1

    def evicted(self, model: str) -> None:
        """A model was released."""
        self.evictions[model] += 1

    def snapshot(self) -> MetricsSnapshot:
        """All metrics. Callable in any thread."""
        totals = Totals()
        gauges: dict[Key, float] = {}
        exemplars: dict[Key, Mapping[int, Exemplar]] = {}
        with self._lock:
            totals.add(self._retired)
            for server in self._servers:
                if server.requests:
                    one = server.snapshot()
                    totals.add(one.totals)
                    gauges.update(one.gauges)
                    exemplars.update(one.exemplars)
        return MetricsSnapshot(totals, gauges, exemplars)
