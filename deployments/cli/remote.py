"""`modelyard up` for a cluster that runs elsewhere: apply, watch, and leave it running at the end."""

import os
import signal
import threading
from pathlib import Path

from deployments.cli.places import places_of
from deployments.cli.report import TerminalReport
from deployments.control.desired import DesiredState
from deployments.spec.load import Config


def serve_cluster(config_dir: Path, config: Config) -> int:
    """The command's exit code. The cluster's nodes were started with the environment that docs/operations.md names."""
    from deployments.control.apply import Applier  # noqa: PLC0415 - Ray takes seconds to import
    from deployments.control.client import attach, detach  # noqa: PLC0415
    from deployments.control.metrics import ControlMetrics  # noqa: PLC0415
    from deployments.control.rollback import Rollback  # noqa: PLC0415
    from deployments.control.watch import Watcher  # noqa: PLC0415
    from monitoring import hub  # noqa: PLC0415
    from monitoring.hub import HubClient, HubPlace  # noqa: PLC0415
    from monitoring.pusher import Pusher  # noqa: PLC0415

    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    report = TerminalReport()
    state = DesiredState(config_dir, os.environ)
    first = state.read_settled()
    report.starting(f"attaching to {config.server.ray.address}")
    client = attach(config.server.ray.address, start=True)
    try:
        metrics, place = ControlMetrics(), config.server.metrics
        hub.start(HubPlace(place.host, place.port, places_of(config).metrics))
        pusher = Pusher(metrics.snapshot, HubClient().push)
        pusher.start()
        applier = Applier(client, Rollback(), config.server.http.origin)
        watcher = Watcher(
            state, first, applier, report, stop, metrics=metrics, each_look=lambda: None, on_target=lambda *_: None
        )
        report.started(watcher.start(), "", f"port {place.port} of the cluster's head node")
        watcher.run()
        pusher.close()
    finally:
        detach()
    return 0
