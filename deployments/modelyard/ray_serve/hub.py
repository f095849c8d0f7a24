"""The hub: one Ray actor between the control plane and the replicas.

It aggregates the metrics of all processes and exposes them (`telemetry.metrics.aggregator`), has the settings that applications
follow (`live_settings`), and what the replicas of pools report (`pool_report`). Ray restarts it whenever it dies. It then continues
from its files.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError

from modelyard.ray_serve.live_settings import LiveSettings, Settings, SettingsChange
from modelyard.telemetry.metrics import hub_state
from modelyard.telemetry.metrics.aggregator import ModelTotals
from modelyard.telemetry.metrics.declarations import HUB_REPLICAS, HUB_STARTED
from modelyard.telemetry.metrics.exposition import metrics_app
from modelyard.telemetry.metrics.recent_reports import RecentReports
from modelyard.telemetry.metrics.refresh import RefreshRequests
from modelyard.telemetry.metrics.scrape_server import listen
from modelyard.telemetry.metrics.snapshot import Exemplars, Key, Push, Totals
from modelyard.telemetry.metrics.traffic import RecentTraffic, Traffic

ACTOR_NAME = "modelyard-hub"
NAMESPACE = "serve"
"""Ray Serve's namespace, which replicas are in."""
HEAD_NODE_RESOURCE = "node:__internal_head__"
"""Only the head node has this resource. The actor runs there because Prometheus knows that address."""
CALL_TIMEOUT_S = 5.0
SAVE_INTERVAL_S = 1.0
MAX_SAVE_SHARE = 0.02
"""The share of the hub's time in which it writes its state. If it dies, only counts of processes that have ended since are lost."""
EXPIRE_INTERVAL_S = 30.0
"""A fraction of the times after which processes and versions expire (`telemetry.metrics.aggregator`)."""
MAX_CONCURRENT_CALLS = 100_000
"""Each process has one open call, which waits for a refresh request."""

Reports = Mapping[str, dict[str, Any]]
"""See `pool_report.PoolReports`."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HubConfig:
    """Address of the scrape endpoint, and the hub's files."""

    host: str
    port: int
    metrics_file: Path
    settings_file: Path


class Hub:
    """The actor. Runs in its own process."""

    def __init__(self, config: HubConfig) -> None:
        for file in (config.metrics_file, config.settings_file):
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._config = config
        self._aggregator = hub_state.read(config.metrics_file, time.monotonic())
        self._settings = LiveSettings.read(config.settings_file, last_version=time.time_ns())
        self._recent = RecentTraffic()
        self._started = time.time()
        self._refreshes = RefreshRequests(last_id=time.time_ns())
        self._saved_at = self._expired_at = 0.0
        self._save_s = 0.0
        """How long the last save took."""
        self._pool_reports: RecentReports[dict[str, Any]] = RecentReports(first_version=time.time_ns())
        self._lock = threading.Lock()  # scrapes run in other threads
        listen(config.host, config.port, metrics_app(self._read))

    async def push(self, push: Push) -> bool:
        """See `MetricsAggregator.apply`."""
        if stored := self._apply(push):
            await self._refreshes.notify_pushed()
        return stored

    async def refresh_after(self, known_id: int) -> int:
        """See RefreshRequests.wait_after."""
        return await self._refreshes.wait_after(known_id)

    async def model_totals(self, models: Sequence[str]) -> ModelTotals:
        """The totals of these models, including everything counted before this call."""
        await self._refreshes.request(
            lambda refresh_id: self._aggregator.is_refreshed(refresh_id, models, time.monotonic())
        )
        with self._lock:
            now = time.monotonic()
            self._save(now)  # before the totals are returned, see `_read`
            return self._aggregator.model_totals(models, now)

    def _apply(self, push: Push) -> bool:
        with self._lock:
            now = time.monotonic()
            stored = self._aggregator.apply(push, now)
            if now - self._expired_at > EXPIRE_INTERVAL_S:
                self._expired_at = now
                self._aggregator.expire(now)
            if now - self._saved_at > max(SAVE_INTERVAL_S, self._save_s / MAX_SAVE_SHARE):
                self._save(now)
            if self._recent.is_due(now):
                self._recent.add_sample(self._aggregator.totals(), now)
            return stored

    def set_settings(self, settings: Settings) -> dict[str, int]:
        """Let applications have exactly these settings. Returns their versions by application."""
        if self._settings.replace(settings):
            try:
                self._settings.write(self._config.settings_file)
            except OSError as error:  # the control plane sends them again to a hub that has lost them
                log.warning("the hub cannot write %s: %s", self._config.settings_file, error)
        return self._settings.versions

    async def settings_after(self, application: str, known: int) -> SettingsChange | None:
        """See `LiveSettings.wait_after`."""
        return await self._settings.wait_after(application, known)

    def settings_since(self, known: Mapping[str, int]) -> dict[str, SettingsChange | None]:
        """See `LiveSettings.changes_since`."""
        return self._settings.changes_since(known)

    def report_pool(self, replica: str, models: dict[str, Any] | None) -> None:
        """Replace what a pool's replica reports of its models; None when the replica ends."""
        if models is None:
            self._pool_reports.remove(replica)
        else:
            self._pool_reports.add(replica, models)

    def renew_pool_report(self, replica: str) -> bool:
        """The last report of this replica is still right. Returns False if the hub does not have it."""
        return self._pool_reports.renew(replica)

    def pool_reports(self, known: int) -> tuple[int, Reports | None]:
        """The last report of each replica of a pool; see `RecentReports.since`."""
        return self._pool_reports.since(known)

    def traffic(self) -> dict[str, Traffic]:
        """The traffic of the last minute by model."""
        with self._lock:
            now = time.monotonic()
            return self._recent.traffic(self._aggregator.totals(), now, self._aggregator.gauges(now))

    def totals(self) -> Totals:
        """The totals of all series."""
        return self._read()[0]

    def _read(self) -> tuple[Totals, Mapping[Key, float], Exemplars]:
        with self._lock:
            now = time.monotonic()
            self._save(now)  # before the totals are exposed: a restarted hub must not expose smaller ones
            own: dict[Key, float] = {
                (HUB_STARTED.name,): self._started,
                (HUB_REPLICAS.name,): self._aggregator.replicas(now),
            }
            return self._aggregator.totals(), {**self._aggregator.gauges(now), **own}, self._aggregator.exemplars(now)

    def _save(self, now: float) -> None:
        self._saved_at = now
        try:
            hub_state.write(self._config.metrics_file, self._aggregator)
        except OSError as error:
            log.warning("the hub cannot write %s: %s", self._config.metrics_file, error)
        self._save_s = time.monotonic() - now


def start(config: HubConfig) -> None:
    """Start the hub of this cluster if it is not running. Returns when it responds. The process must be connected to Ray."""
    actor = ray.remote(Hub).options(
        name=ACTOR_NAME,
        namespace=NAMESPACE,
        get_if_exists=True,
        lifetime="detached",
        max_restarts=-1,
        max_concurrency=MAX_CONCURRENT_CALLS,
        num_cpus=0,
        resources={HEAD_NODE_RESOURCE: 0.001},
    )
    ray.get(actor.remote(config).traffic.remote())


class HubClient:
    """Calls the hub from a process that is connected to Ray. Looks the actor up on first use and after each failure.

    All methods raise ConnectionError if the hub does not respond.
    """

    def __init__(self) -> None:
        self._actor: ActorHandle | None = None
        self._reports: tuple[int, Reports] = (0, {})
        """With their version."""

    def push(self, push: Push) -> bool:
        """See `pusher.SnapshotSink`."""
        stored: bool = self._call("push", push)
        return stored

    def on_refresh(self, known_id: int, callback: Callable[[int], None]) -> None:
        """See `pusher.SnapshotSink`."""
        future = self._find_actor().refresh_after.remote(known_id).future()
        future.add_done_callback(lambda done: callback(known_id if done.exception() else done.result()))

    def traffic(self) -> dict[str, Traffic]:
        """See Hub."""
        traffic: dict[str, Traffic] = self._call("traffic")
        return traffic

    def set_settings(self, settings: Settings) -> dict[str, int]:
        """See Hub."""
        versions: dict[str, int] = self._call("set_settings", settings)
        return versions

    def settings_since(self, known: Mapping[str, int]) -> dict[str, SettingsChange | None]:
        """See Hub."""
        changes: dict[str, SettingsChange | None] = self._call("settings_since", known)
        return changes

    def settings_after(self, application: str, known: int) -> Future[SettingsChange | None]:
        """See `settings_follower.SettingsSource`."""
        future: Future[SettingsChange | None] = self._find_actor().settings_after.remote(application, known).future()
        return future

    def report_pool(self, replica: str, models: dict[str, Any] | None) -> None:
        """See Hub."""
        self._call("report_pool", replica, models)

    def renew_pool_report(self, replica: str) -> bool:
        """See Hub."""
        renewed: bool = self._call("renew_pool_report", replica)
        return renewed

    def pool_reports(self) -> Reports:
        """The last report of each replica of a pool. While they do not change, this is the same object."""
        known, _ = self._reports
        version, reports = self._call("pool_reports", known)
        if reports is not None:
            self._reports = version, reports
        return self._reports[1]

    def model_totals(self, models: Sequence[str]) -> ModelTotals:
        """See Hub."""
        totals: ModelTotals = self._call("model_totals", models)
        return totals

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            return ray.get(getattr(self._find_actor(), method).remote(*arguments), timeout=CALL_TIMEOUT_S)
        except (RayError, ValueError) as error:
            self._actor = None
            raise ConnectionError(f"the hub does not respond: {error}") from error

    def _find_actor(self) -> ActorHandle:
        if not ray.is_initialized():  # otherwise `get_actor` would start a cluster
            raise ConnectionError("this process is not connected to Ray")
        try:
            actor = self._actor = self._actor or ray.get_actor(ACTOR_NAME, namespace=NAMESPACE)
        except (RayError, ValueError) as error:
            raise ConnectionError(f"the hub does not run: {error}") from error
        return actor
