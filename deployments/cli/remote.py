"""`modelyard up` for a cluster that runs elsewhere: apply, watch, and leave it running at the end."""

import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.cli.places import places_of
from deployments.cli.report import TerminalReport
from deployments.control.applications import replicas_folder
from deployments.control.death_log import Death, DeathLog
from deployments.control.death_watch import DeathWatch
from deployments.control.desired import DesiredState
from deployments.control.environment import cluster_environment
from deployments.control.events import EventFile
from deployments.control.lost_requests import LostRequests
from deployments.control.ports import knock
from deployments.control.reports import Reports
from deployments.control.writes import Writes
from deployments.spec.load import Config

if TYPE_CHECKING:
    from deployments.control.metrics import ControlMetrics
    from deployments.control.status import ModelStatus


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
    from deployments.control.admission import Admission  # noqa: PLC0415
    from deployments.control.apply import Applier  # noqa: PLC0415
    from deployments.control.client import attach, detach  # noqa: PLC0415
    from deployments.control.files import FileLook, FileThread  # noqa: PLC0415
    from deployments.control.look import EDGE_S, Front, paste_line, wait_reachable  # noqa: PLC0415
    from deployments.control.metrics import ControlMetrics  # noqa: PLC0415
    from deployments.control.rollback import Rollback  # noqa: PLC0415
    from deployments.control.watch import Watcher  # noqa: PLC0415
    from monitoring import hub  # noqa: PLC0415
    from monitoring.hub import HubClient, HubPlace  # noqa: PLC0415
    from monitoring.pusher import Pusher  # noqa: PLC0415

    client = attach(server.ray.address, frontend=server.http)
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())  # after Ray, which takes SIGTERM for a crash and prints its stack
    try:
        metrics, place = ControlMetrics(), server.metrics
        hub.start(HubPlace(place.host, place.port, places_of(config).state / "metrics.json"))
        pusher = Pusher(metrics.snapshot, HubClient())
        pusher.start()
        front = Front(inside=server.origin, outside=server.origin)
        applier = Applier(client, Rollback(), front, server=server, admission=Admission(client.cores()))

        def on_started(statuses: "Sequence[ModelStatus]") -> None:
            wait_reachable(front, statuses, EDGE_S, stop)
            where = f"port {place.port} of the cluster's head node"
            report.started(statuses, paste_line(front, statuses), where)

        Watcher(
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
    from deployments.control.actors import RayMachine  # noqa: PLC0415 - as above

    def on_death(death: Death) -> None:
        metrics.died(death.model, death.reason)
        report.trouble(death.line)

    places = places_of(config)
    lost = LostRequests(
        places.edge, config.state_dir / "requests", writes
    )  # it hears nothing: there is no edge of ours
    return DeathWatch(replicas_folder(config), DeathLog(places.state), RayMachine(), lost, on_death, writes=writes)
