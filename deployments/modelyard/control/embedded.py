"""Ray and HAProxy on this machine, in a child process of `modelyard up`."""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

from modelyard.control.applications import edge_applications, edge_models
from modelyard.control.client import ServeClient
from modelyard.control.desired import DesiredState
from modelyard.control.edge_maps import EdgeMaps
from modelyard.control.haproxy_standby import HaproxyStandby
from modelyard.control.last_good import LastGood, LastGoodFile
from modelyard.control.live_state import STOPPING
from modelyard.control.lost_requests import LostRequests
from modelyard.control.node import NodeDied
from modelyard.control.notices import Notices
from modelyard.control.open_ports import OpenPorts
from modelyard.control.paths import ServerPaths
from modelyard.control.probe import ServerUrls
from modelyard.control.ray_node import RayNode
from modelyard.control.reports import Report
from modelyard.control.restart_policy import NODE_DIED, ReadyFlag
from modelyard.control.rollback import Rollback
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import Running
from modelyard.control.tls_reload import TlsReload
from modelyard.control.worker_forks import WorkerForks
from modelyard.control.writes import Writes, reason_of
from modelyard.edge.admin_socket import AdminError, announce_shutdown
from modelyard.edge.connections import connection_limits, max_open_files
from modelyard.edge.files import EdgeFiles
from modelyard.private_file import write_private
from modelyard.ray_serve.hub import HubConfig
from modelyard.repository.resolve import Resolved
from modelyard.runtimes.registry import RUNTIMES

STUCK_S = 5.0
"""The reconciler notices Ray's death within a second, unless it waits for an answer of Ray."""
LEAVE_AGAIN_S = 0.5
"""A HAProxy that is starting may have read its files before, and have no admin socket yet."""
MIN_LOADS = 2
"""Replicas that load at the same time on the smallest machine; else one a core."""


class EmbeddedNode:
    """Implements `node.Node`."""

    def __init__(
        self,
        first: DesiredState,
        paths: ServerPaths,
        *,
        serve_port: int,
        report: Report,
        writes: Writes,
        leaving: threading.Event,
        is_up: ReadyFlag,
        forks: WorkerForks,
    ) -> None:
        """`is_up` is set when Ray has started and models are served. With `leaving` the server reports that it is not ready for
        `drain_s` before it stops."""
        self._current = first
        self._server = server = first.config.server
        self._paths = paths
        self._serve_port = serve_port
        self._report = report
        self._writes = writes
        self._leaving = leaving
        self._is_up = is_up
        self._forks = forks
        self._edge = EdgeFiles(paths.edge)
        self._maps = EdgeMaps(self._edge)
        self._standby = HaproxyStandby(self._edge, report.trouble)
        self._tls = TlsReload(server.tls, first.config.root, self._edge) if server.tls else None
        self._ports = OpenPorts(server)
        self._last_good = LastGoodFile(paths.last_good)
        self._ray: RayNode
        self.urls = ServerUrls(inside=f"http://127.0.0.1:{serve_port}", outside=server.local_url)
        self.hub = HubConfig(server.metrics.host, server.metrics.port, paths.metrics, paths.settings)
        self.metrics_url = server.metrics.url

    @contextmanager
    def connect(self) -> Iterator[ServeClient]:
        """See Node. Raises TlsError too."""
        self._preload(self._current)
        self._edge.write(self._server, {})
        self._report_connections()
        if self._tls:
            self._tls.start()
        self._report.starting("starting Ray")
        ray = self._server.ray
        self._ray = RayNode(
            self._paths.ray,
            ray.cpus,
            self._server.metrics.ray_port,
            self._report_slow_start,
            self._forks.worker_command(),
        )
        try:
            self._report.starting("starting Ray Serve and HAProxy")
            self._standby.start()
            client = ServeClient.start(port=self._serve_port, proxy_location="HeadOnly")
            self._write_address()
            yield client
        finally:
            self._standby.close()
            try:
                self._ray.keep_logs(self._paths.state / "logs")
            except OSError as error:  # a full disk must not hide why the server ends
                self._report.trouble(f"Ray's logs were not copied: {reason_of(error)}")
            self._ray.stop()
            self._forks.close()

    def max_loads(self, client: ServeClient) -> int:
        """One a core of this machine."""
        return max(MIN_LOADS, len(os.sched_getaffinity(0)))

    def last_good(self) -> Mapping[str, ServeConfig]:
        """See Node."""
        return LastGood.read(self._paths.last_good).applications

    def lost_requests(self) -> LostRequests:
        """See Node."""
        lost = LostRequests(self._paths.edge, self._current.config.state_dir / "requests", self._writes)
        try:
            lost.start()
        except OSError as error:  # the models serve without it
            self._report.trouble(f"requests that a replica loses will not be logged: {reason_of(error)}")
        return lost

    def serving(self) -> None:
        """See Node."""
        threading.Thread(target=self._exit_with_ray, name="node", daemon=True).start()
        self._is_up.set()

    def check(self, notices: Notices, rollback: Rollback, *, started: bool) -> None:
        """See Node."""
        if dead := self._ray.dead_processes():
            raise NodeDied(", ".join(dead))
        self._forks.check()
        good = self._current.config, rollback.good
        self._writes.attempt(self._paths.last_good, lambda: self._last_good.update(*good))
        error = self._edge.haproxy_error()
        notices.set("edge", f"HAProxy rejected the configuration: {error}" if error else "")
        notices.set("ports", self._ports.closed() if started else "")
        self._maps.check(lambda text: notices.set("edge maps", text))
        if self._tls:
            self._tls.check(lambda text: notices.set("tls", text))

    def before_deploy(self, desired: DesiredState, target: ServeConfig) -> None:
        """See Node. Which applications Serve builds anew is known at the next observation."""
        self._current = desired
        self._preload(desired)
        models = edge_models(target)

        def write() -> None:
            self._edge.write(self._server, models)
            self._edge.write_updating(edge_applications(target))

        self._writes.require(self._paths.edge, write)
        self._maps.check(lambda _: None)

    def reaches(self, application: str) -> bool:
        """See Node."""
        return self._maps.reaches(application)

    def observed(self, running: Running) -> None:
        """See Node."""
        self._writes.attempt(self._paths.edge / "changing", lambda: self._edge.write_updating(running.building))

    def stopping(self, client: ServeClient) -> None:
        """See Node."""
        self._report.starting(STOPPING)
        if self._leaving.is_set():
            self._leave()
        self._standby.close()
        client.shutdown()

    def _preload(self, desired: DesiredState) -> None:
        """Import the frameworks of these models before their replicas start."""
        used = {model.runtime for model in desired.models if isinstance(model, Resolved)}
        self._forks.preload(module for name in used for module in RUNTIMES[name].preload)

    def _exit_with_ray(self) -> None:
        """End this process when Ray has died and the thread that waits for an answer of it does not notice."""
        while not (dead := self._ray.dead_processes()):
            time.sleep(STUCK_S)
        time.sleep(STUCK_S)
        self._report.trouble(f"Ray's {', '.join(dead)} died")
        os._exit(NODE_DIED)

    def _report_connections(self) -> None:
        """Report a configured number of connections that the limit of open files does not allow."""
        wanted, files = self._server.connections, max_open_files()
        most = connection_limits(wanted, files).per_port
        if most < wanted and "connections" in self._server.model_fields_set:
            self._report.trouble(
                f"connections: the limit of each port is {most}, not {wanted}: this user may open {files} files (ulimit -Hn)"
            )

    def _report_slow_start(self, seconds: float) -> None:
        self._report.starting(f"still starting Ray, for {seconds:.0f} s now: the machine is busy")

    def _write_address(self) -> None:
        """For the commands that attach to Ray where there is no control socket."""
        where = json.dumps({"address": self._ray.address, **asdict(self.urls)})
        self._writes.attempt(self._paths.running, lambda: write_private(self._paths.running, where))

    def _leave(self) -> None:
        """Report for `drain_s` that the server is not ready, so that load balancers send no more; requests are still answered."""
        end = time.monotonic() + self._server.drain_s
        failed: Exception | None = None
        while (left_s := end - time.monotonic()) > 0:
            try:
                self._edge.write_stopping()  # for a HAProxy that Serve starts from now on
                for socket in self._edge.admin_sockets():
                    announce_shutdown(socket)
                failed = None
            except (AdminError, OSError) as error:
                failed = error
            time.sleep(min(LEAVE_AGAIN_S, left_s))
        if failed:
            self._report.trouble(f"HAProxy still reports that the server is ready: {failed}")
