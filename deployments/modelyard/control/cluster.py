"""A Ray cluster that runs elsewhere: attach to it, and leave it running at the end."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from modelyard.control.client import ServeClient, attach, detach
from modelyard.control.desired import DesiredState
from modelyard.control.lost_requests import LostRequests
from modelyard.control.notices import Notices
from modelyard.control.paths import ServerPaths
from modelyard.control.probe import ServerUrls
from modelyard.control.reports import Report
from modelyard.control.rollback import Rollback
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import Running
from modelyard.control.writes import Writes
from modelyard.ray_serve.hub import HubConfig


class ClusterNode:
    """Implements `node.Node`. The cluster's nodes were started with the environment that docs/operations.md names."""

    def __init__(
        self, first: DesiredState, paths: ServerPaths, *, report: Report, writes: Writes, stop: threading.Event
    ) -> None:
        self._config = first.config
        self._paths = paths
        self._report = report
        self._writes = writes
        self._stop = stop
        server, metrics = first.config.server, first.config.server.metrics
        self.urls = ServerUrls(inside=server.local_url, outside=server.local_url)
        self.hub = HubConfig(metrics.host, metrics.port, paths.state / "metrics.json", paths.state / "settings.json")
        self.metrics_url = f"port {metrics.port} of the cluster's head node"

    @contextmanager
    def connect(self) -> Iterator[ServeClient]:
        """See Node."""
        server = self._config.server
        self._report.starting(f"attaching to {server.ray.address}")
        client = attach(server.ray.address, frontend=server.http)
        for sign in (signal.SIGTERM, signal.SIGINT):
            # After Ray, which takes SIGTERM for a crash and prints its stack.
            signal.signal(sign, lambda *_: self._stop.set())
        try:
            yield client
        finally:
            detach()

    def max_loads(self, client: ServeClient) -> int:
        """One a core of the cluster."""
        return client.cores()

    def last_good(self) -> Mapping[str, ServeConfig]:
        """None: the cluster itself remembers what runs."""
        return {}

    def lost_requests(self) -> LostRequests:
        """Receives nothing: the cluster has no load balancer of ours."""
        return LostRequests(self._paths.edge, self._config.state_dir / "requests", self._writes)

    def serving(self) -> None:
        """See Node."""

    def check(self, notices: Notices, rollback: Rollback, *, started: bool) -> None:
        """See Node."""

    def before_deploy(self, desired: DesiredState, target: ServeConfig) -> None:
        """See Node."""

    def reaches(self, application: str) -> bool:
        """See Node. The cluster's load balancers are not known here."""
        return True

    def observed(self, running: Running) -> None:
        """See Node."""

    def stopping(self, client: ServeClient) -> None:
        """See Node."""
        self._report.starting("leaving the cluster unchanged")
