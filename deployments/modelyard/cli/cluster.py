"""`modelyard up` for a cluster that runs elsewhere."""

import os
import threading
from pathlib import Path

from modelyard.cli.attach import prepare_for_cluster
from modelyard.cli.terminal_report import TerminalReport
from modelyard.config.load import Config
from modelyard.control.desired import ConfigReader
from modelyard.control.events import EventFile
from modelyard.control.paths import paths_of
from modelyard.control.reports import Reports
from modelyard.control.writes import Writes


def serve_cluster(config_dir: Path, config: Config, *, approve: bool = False) -> int:
    """Serve until the command is stopped. The result is its exit code. Raises ConnectionError where the cluster does not answer."""
    files = ConfigReader(config_dir, os.environ)
    first = files.read_settled()
    paths, server = paths_of(config), config.server
    paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    terminal, writes = TerminalReport(), Writes()
    terminal.approval = approve = approve or not server.watch
    report = Reports(terminal, EventFile(paths.state, writes))
    prepare_for_cluster(server)
    # Ray reads the environment when it is imported, so only now.
    from modelyard.control.cluster import ClusterNode  # noqa: PLC0415
    from modelyard.control.runner import Runner  # noqa: PLC0415

    stop = threading.Event()
    node = ClusterNode(first, paths, report=report, writes=writes, stop=stop)
    Runner(node, files, first, paths, report=report, writes=writes, stop=stop, approve=approve).run()
    return 0
