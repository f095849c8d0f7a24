"""`modelyard up` for a cluster that runs elsewhere: apply, watch, and leave it running at the end."""

import os
import signal
import threading
from pathlib import Path

from deployments.cli.report import TerminalReport
from deployments.control.desired import DesiredState
from deployments.spec.load import Config


def serve_cluster(config_dir: Path, config: Config) -> int:
    """The command's exit code. The cluster's nodes were started with the environment that docs/operations.md names."""
    from deployments.control.apply import Applier  # noqa: PLC0415 - Ray takes seconds to import
    from deployments.control.client import attach, detach  # noqa: PLC0415
    from deployments.control.rollback import Rollback  # noqa: PLC0415
    from deployments.control.watch import Watcher  # noqa: PLC0415

    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    report = TerminalReport()
    state = DesiredState(config_dir, os.environ)
    first = state.read_settled()
    report.starting(f"attaching to {config.server.ray.address}")
    client = attach(config.server.ray.address, start=True)
    try:
        applier = Applier(client, Rollback(), config.server.http.origin)
        watcher = Watcher(state, first, applier, report, stop, each_look=lambda: None, on_target=lambda *_: None)
        report.started(watcher.start(), "")
        watcher.run()
    finally:
        detach()
    return 0
