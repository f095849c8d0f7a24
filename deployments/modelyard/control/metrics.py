"""The reconciler's metrics: actual and target replicas, readiness, and the result of the last reload."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.control.replica_starts import ReplicaStarts
from modelyard.control.serve_config import GATEWAY, versions_of
from modelyard.control.status import ModelStatus, Running
from modelyard.ray_serve.application_status import WAITING_TO_LOAD, text_of
from modelyard.telemetry.metrics.declarations import (
    DEATH_REASONS,
    INFO,
    LOAD_TIMEOUT,
    NOT_READY,
    READY,
    RELOAD_SUCCESSFUL,
    RELOAD_TIMESTAMP,
    RELOAD_WITHHELD,
    REPLICA_DEATHS,
    REPLICA_STARTS,
    REPLICA_STATES,
    REPLICAS,
    REPLICAS_MAX,
    REPLICAS_TARGET,
    START_REASONS,
    WRITES_FAILING,
)
from modelyard.telemetry.metrics.snapshot import Key, MetricsSnapshot, Totals

STATES: Mapping[str, str] = {
    "STARTING": "starting",
    "RECOVERING": "starting",
    "UPDATING": "running",
    "RUNNING": "running",
    "PENDING_MIGRATION": "running",
    "STOPPING": "stopping",
}
"""The label `state` of `model_replicas`, by Serve's ReplicaState."""


class ControlMetrics:
    """Counts observations of Serve and reloads. Any thread may read the snapshot."""

    def __init__(self, now: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic) -> None:
        """`now` is the time of day, which may be set; `clock` measures how long models are not ready."""
        self._now = now
        self._clock = clock
        self._starts = ReplicaStarts()
        self._not_ready_since: dict[str, float] = {}
        self._deaths: Counter[tuple[str, str]] = Counter()
        self._reload: dict[Key, float] = {}
        self._failing_writes = 0
        self._shown: set[str] = set()
        """Models that have series."""
        self._snapshot = MetricsSnapshot(Totals(), {})

    def reloaded(self, *, successful: bool, withheld: bool = False) -> None:
        """Note a reading of the configuration: whether it is valid, and whether it waits for a confirmation."""
        self._reload[(RELOAD_WITHHELD.name,)] = float(withheld)
        self._reload[(RELOAD_SUCCESSFUL.name,)] = float(successful)
        if successful:
            self._reload[(RELOAD_TIMESTAMP.name,)] = self._now()

    def wrote(self, *, failing: int) -> None:
        """Note how many files cannot be written."""
        self._failing_writes = failing

    def died(self, model: str, reason: str) -> None:
        """Note that a replica died, for one of DEATH_REASONS."""
        self._deaths[(model, reason)] += 1

    def observed(self, running: Running, statuses: Sequence[ModelStatus]) -> None:
        """Note an observation of Serve. The snapshot is replaced as a whole, so that no reader sees half of a change."""
        gauges: dict[Key, float] = {**self._reload, (WRITES_FAILING.name,): float(self._failing_writes)}
        applications = {name: details for name, details in running.applications.items() if name != GATEWAY}
        with_replicas = {name: details for name, details in running.with_replicas.items() if name != GATEWAY}
        self._starts.forget_all_but(with_replicas)
        shown = self._with_series(running, statuses)
        gauges |= self._waits(statuses, shown)
        for status in shown:
            details = applications.get(status.name)
            gauges |= _readiness(status, details)
            gauges[(LOAD_TIMEOUT.name, status.name)] = _load_timeout_s(details)
        for name, details in with_replicas.items():
            gauges |= _replicas(name, details)
            ids = [replica["replica_id"] for replica in _replica_details(details)]
            config = (details.get("deployed_app_config") or {}).get("args")
            through = text_of(details["status"]) == "RUNNING"
            self._starts.observe(name, ids, _target_replicas(details), config=config, through=through)
        counters = self._started() | self._death_counts({*with_replicas, *(model for model, _ in self._deaths)})
        self._snapshot = MetricsSnapshot(Totals(counters=counters), gauges)

    def _with_series(self, running: Running, statuses: Sequence[ModelStatus]) -> list[ModelStatus]:
        """The models that have series: of those in pools, the ones that have had a request, or were UNAVAILABLE or elsewhere."""
        shown = [
            status
            for status in statuses
            if not status.pool
            or status.name in self._shown
            or status.name in running.leaving
            or status.state == "UNAVAILABLE"
            or running.applications[status.name].get("had_requests")
        ]
        self._shown = {status.name for status in shown}
        return shown

    def _waits(self, statuses: Sequence[ModelStatus], shown: Sequence[ModelStatus]) -> dict[Key, float]:
        """Seconds for which each model has not been ready, for those that are shown."""
        now = self._clock()
        loading = [status.name for status in statuses if status.state != "READY" and status.reason != WAITING_TO_LOAD]
        self._not_ready_since = {name: self._not_ready_since.get(name, now) for name in loading}
        return {(NOT_READY.name, each.name): now - self._not_ready_since.get(each.name, now) for each in shown}

    def snapshot(self) -> MetricsSnapshot:
        """The metrics as of the last observation."""
        return self._snapshot

    def _started(self) -> dict[Key, int]:
        counts = self._starts.counts
        models = {model for model, _ in counts}
        return {
            (REPLICA_STARTS.name, model, reason): counts[(model, reason)]
            for model in models
            for reason in START_REASONS
        }

    def _death_counts(self, models: set[str]) -> dict[Key, int]:
        """A count for every model and reason, from 0: a series that begins at 1 has no rate."""
        return {
            (REPLICA_DEATHS.name, model, reason): self._deaths[(model, reason)]
            for model in models
            for reason in DEATH_REASONS
        }


def _readiness(status: ModelStatus, details: Mapping[str, Any] | None) -> dict[Key, float]:
    """Readiness of each configured version; a model without one is not ready in the version ""."""
    ready = float(status.state == "READY")
    gauges: dict[Key, float] = {(READY.name, status.name, version): ready for version in status.versions or ("",)}
    config = (details or {}).get("deployed_app_config") or {}
    for number, digest in versions_of(config):
        gauges[(INFO.name, status.name, str(number), status.runtime, digest)] = 1.0
    return gauges


def _load_timeout_s(details: Mapping[str, Any] | None) -> float:
    config = (details or {}).get("deployed_app_config") or {}
    spec = config.get("args", {}).get("spec", {})
    return float(spec.get("load_timeout_s", ModelSpec.model_fields["load_timeout_s"].default))


def _replicas(model: str, details: Mapping[str, Any]) -> dict[Key, float]:
    """Of a model with an application of its own, or of a pool: `model` is the application's name."""
    states = Counter(STATES.get(text_of(replica["state"]), "starting") for replica in _replica_details(details))
    gauges: dict[Key, float] = {(REPLICAS.name, model, state): float(states[state]) for state in REPLICA_STATES}
    gauges[(REPLICAS_TARGET.name, model)] = float(_target_replicas(details))
    config = details.get("deployed_app_config") or {}
    most = sum(_most_replicas(deployment) for deployment in config.get("deployments", []))
    gauges[(REPLICAS_MAX.name, model)] = float(most)
    return gauges


def _target_replicas(details: Mapping[str, Any]) -> int:
    return sum(deployment["target_num_replicas"] for deployment in details["deployments"].values())


def _most_replicas(deployment: Mapping[str, Any]) -> int:
    scaling = deployment.get("autoscaling_config")
    return int(scaling["max_replicas"] if scaling else deployment.get("num_replicas") or 1)


def _replica_details(details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [replica for deployment in details["deployments"].values() for replica in deployment["replicas"]]
