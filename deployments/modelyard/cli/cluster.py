"""`modelyard up` for a cluster that runs elsewhere: apply, watch, and leave it running at the end."""

import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.cli.places import places_of
from modelyard.cli.terminal_report import TerminalReport
from modelyard.config.load import Config
from modelyard.control.applications import replicas_folder
from modelyard.control.death_log import Death, DeathLog
from modelyard.control.death_watch import DeathWatch
from modelyard.control.desired import DesiredState
from modelyard.control.environment import cluster_environment
from modelyard.control.events import EventFile
from modelyard.control.lost_requests import LostRequests
from modelyard.control.ports import knock
from modelyard.control.reports import Reports
from modelyard.control.writes import Writes

if TYPE_CHECKING:
    from modelyard.control.metrics import ControlMetrics
    from modelyard.control.status import ModelStatus


def serve_cluster(config_dir: Path, config: Config, *, approve: bool = False) -> int:
    """The command's exit code. The cluster's nodes were started with the environment that docs/operations.md names.

    Raises ConnectionError where the cluster does not answer.
    """
    state = DesiredState(config_dir, os.environ)
    first = state.read_settled()
    server = config.server
    state_folder = places_of(config).state
    state_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    terminal = TerminalReport()
    terminal.approval = approve = approve or not server.watch
    writes = Writes()
    report = Reports(terminal, EventFile(state_folder, writes))
    knock(server.ray.address)
    report.starting(f"attaching to {server.ray.address}")
    os.environ.update(cluster_environment(os.environ, Path.home()))
    # Ray reads the environment when it is imported, so only now.
    from modelyard.control.admission import Admission  # noqa: PLC0415
    from modelyard.control.apply import Applier  # noqa: PLC0415
    from modelyard.control.client import attach, detach  # noqa: PLC0415
    from modelyard.control.file_watcher import FileLook, FileThread  # noqa: PLC0415
    from modelyard.control.metrics import ControlMetrics  # noqa: PLC0415
    from modelyard.control.probe import EDGE_S, ServerUrls, example_curl, wait_reachable  # noqa: PLC0415
    from modelyard.control.reconciler import Reconciler  # noqa: PLC0415
    from modelyard.control.rollback import Rollback  # noqa: PLC0415
    from modelyard.telemetry.metrics import hub  # noqa: PLC0415
    from modelyard.telemetry.metrics.hub import HubClient, HubConfig  # noqa: PLC0415
    from modelyard.telemetry.metrics.pusher import Pusher  # noqa: PLC0415

    client = attach(server.ray.address, frontend=server.http)
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())  # after Ray, which takes SIGTERM for a crash and prints its stack
    try:
        metrics, place = ControlMetrics(), server.metrics
        hub.start(HubConfig(place.host, place.port, places_of(config).state / "metrics.json"))
        pusher = Pusher(metrics.snapshot, HubClient())
        pusher.start()
        front = ServerUrls(inside=server.local_url, outside=server.local_url)
        applier = Applier(client, Rollback(), front, server=server, admission=Admission(client.cores()))

        def on_started(statuses: "Sequence[ModelStatus]") -> None:
            wait_reachable(front, statuses, EDGE_S, stop)
            where = f"port {place.port} of the cluster's head node"
            report.started(statuses, example_curl(front, statuses), where)

        Reconciler(
            FileThread(FileLook(state, first), stop),
            first,
            applier,
            report,
            stop,
            metrics=metrics,
            on_look=_death_watch(config, metrics, report, writes).look,
            on_started=on_started,
            approve=approve,
        ).run()
        report.starting("leaving the cluster as it is")
        pusher.close()
    finally:
        detach()
    return 0


def _death_watch(config: Config, metrics: "ControlMetrics", report: Reports, writes: Writes) -> DeathWatch:
    from modelyard.control.actor_deaths import RayMachine  # noqa: PLC0415 - as above

    def on_death(death: Death) -> None:
        metrics.died(death.model, death.reason)
        report.trouble(death.line)

    places = places_of(config)
    lost = LostRequests(
        places.edge, config.state_dir / "requests", writes
    )  # it hears nothing: there is no edge of ours
    return DeathWatch(replicas_folder(config), DeathLog(places.state), RayMachine(), lost, on_death, writes=writes)
