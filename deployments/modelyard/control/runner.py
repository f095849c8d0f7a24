"""Runs a server on a node: connects to Ray Serve, and reconciles it with the files until it is stopped."""

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.control.actor_deaths import RayMachine
from modelyard.control.api import ControlApi
from modelyard.control.applications import replicas_folder
from modelyard.control.apply import Applier
from modelyard.control.apply_queue import RequestedApplies
from modelyard.control.death_log import Death, DeathLog
from modelyard.control.death_watch import DeathWatch
from modelyard.control.desired import ConfigReader, DesiredState
from modelyard.control.file_watcher import FileChecker, FileWatcher
from modelyard.control.live_state import LiveState
from modelyard.control.load_admission import LoadAdmission
from modelyard.control.loop_snapshot import LoopSnapshot
from modelyard.control.metrics import ControlMetrics
from modelyard.control.node import Node
from modelyard.control.notices import Notices
from modelyard.control.operations import FileOperations
from modelyard.control.paths import ServerPaths
from modelyard.control.probe import EDGE_S, describe_model, example_curl, wait_reachable
from modelyard.control.reconciler import Reconciler
from modelyard.control.reports import Report
from modelyard.control.rollback import Rollback
from modelyard.control.status import ModelStatus, Running
from modelyard.control.writes import Writes
from modelyard.ray_serve import hub
from modelyard.ray_serve.hub import HubClient
from modelyard.telemetry.metrics.pusher import Pusher

if TYPE_CHECKING:
    from modelyard.control.client import ServeClient


class Runner:
    """One run of a server, until it is stopped or Ray dies."""

    def __init__(
        self,
        node: Node,
        files: ConfigReader,
        first: DesiredState,
        paths: ServerPaths,
        *,
        report: Report,
        writes: Writes,
        stop: threading.Event,
        approve: bool,
    ) -> None:
        """`approve`: changes wait for `modelyard apply`."""
        self._node = node
        self._files = files
        self._first = first
        self._report = report
        self._writes = writes
        self._stop = stop
        self._approve = approve
        self._metrics = ControlMetrics()
        self._deaths = DeathLog(paths.state)
        self._live: LiveState | None = None
        self._api: ControlApi | None = None

    def answer_commands(self, live: LiveState, api: ControlApi) -> None:
        """Publish the state for the control socket, and plan and apply what is requested there."""
        self._live, self._api = live, api

    def run(self) -> None:
        """Serve until `stop` is set. Raises NodeDied, ConnectionError, and what else prevents the start."""
        pusher = Pusher(lambda: {"": self._metrics.snapshot()}, HubClient())
        with self._node.connect() as client:
            try:
                hub.start(self._node.hub)
                pusher.start()
                self._reconcile(client)
            finally:
                pusher.close()

    def _reconcile(self, client: "ServeClient") -> None:
        node = self._node
        notices = Notices(self._report.trouble)
        rollback = Rollback(good=dict(node.last_good()))
        applier = Applier(
            client,
            rollback,
            node.urls,
            server=self._first.config.server,
            admission=LoadAdmission(node.max_loads(client)),
            on_target=node.before_deploy,
            reaches=node.reaches,
        )
        watcher = FileWatcher(FileChecker(self._files, self._first), self._stop)
        requested = RequestedApplies(watcher.wake)
        death_watch = self._death_watch()

        def observed(running: Running) -> None:
            node.observed(running)
            death_watch.observe(running)

        reconciler = Reconciler(
            watcher,
            self._first,
            applier,
            self._report,
            self._stop,
            notices=notices,
            metrics=self._metrics,
            checks=(
                lambda: node.check(notices, rollback, started=reconciler.started),
                lambda: self._retry_writes(notices),
            ),
            observed=observed,
            on_started=self._started,
            on_turn=self._publish,
            requested=requested,
            approve=self._approve,
        )
        self._open_commands(requested)
        node.serving()
        reconciler.run()
        if self._api:
            self._api.operations = None
        node.stopping(client)

    def _open_commands(self, requested: RequestedApplies) -> None:
        if self._live is None or self._api is None:
            return
        self._live.set_sources(
            HubClient().traffic,
            lambda status: describe_model(self._node.urls, status),
            lambda: self._deaths.recent(time.time()),
        )
        self._api.operations = FileOperations(self._files, self._live, requested, self._first.config.server)

    def _publish(self, snapshot: LoopSnapshot) -> None:
        if self._live:
            self._live.turned(snapshot)

    def _started(self, statuses: Sequence[ModelStatus]) -> None:
        urls = self._node.urls
        wait_reachable(urls, statuses, EDGE_S, self._stop)
        self._report.started(statuses, example_curl(urls, statuses), self._node.metrics_url)

    def _retry_writes(self, notices: Notices) -> None:
        self._writes.retry()
        failing = self._writes.failing
        notices.set_all("write ", {str(place): text for place, text in failing.items()})
        self._metrics.wrote(failing=len(failing))

    def _death_watch(self) -> DeathWatch:
        def died(death: Death) -> None:
            self._metrics.died(death.model, death.reason)
            self._report.trouble(death.line)

        return DeathWatch(
            replicas_folder(self._first.config),
            self._deaths,
            RayMachine(),
            self._node.lost_requests(),
            died,
            writes=self._writes,
        )
