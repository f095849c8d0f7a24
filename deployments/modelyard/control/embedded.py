"""The embedded server: Ray here, everything applied, the files watched. In a process of its own below `modelyard up`."""

import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict

from modelyard.control.actor_deaths import RayMachine
from modelyard.control.admission import Admission
from modelyard.control.api import ControlApi
from modelyard.control.applications import edge_models, replicas_folder
from modelyard.control.apply import Applier
from modelyard.control.apply_queue import RequestedApplies
from modelyard.control.client import ServeClient
from modelyard.control.death_log import Death, DeathLog
from modelyard.control.death_watch import DeathWatch
from modelyard.control.desired import Desired, DesiredState
from modelyard.control.environment import ServerPaths
from modelyard.control.file_watcher import FileLook, FileThread
from modelyard.control.haproxy_standby import HaproxyStandby
from modelyard.control.last_good import LastGood, Memory
from modelyard.control.live_state import STOPPING, LiveState
from modelyard.control.lost_requests import LostRequests
from modelyard.control.metrics import ControlMetrics
from modelyard.control.node import Node
from modelyard.control.open_ports import OpenPorts
from modelyard.control.operations import FileOperations
from modelyard.control.private_file import write_private
from modelyard.control.probe import EDGE_S, ServerUrls, describe_model, example_curl, wait_reachable
from modelyard.control.reconciler import NodeDied, Reconciler, Report
from modelyard.control.restart_policy import NODE_DIED, ReadyFlag
from modelyard.control.rollback import Rollback
from modelyard.control.running import Running
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import ModelStatus
from modelyard.control.tls_reload import TlsReload
from modelyard.control.writes import Writes, reason_of
from modelyard.edge.admin_socket import AdminError, leave
from modelyard.edge.connections import connections, most_files
from modelyard.edge.files import EdgeFiles
from modelyard.telemetry.metrics import hub
from modelyard.telemetry.metrics.hub import HubClient, HubPlace
from modelyard.telemetry.metrics.pusher import Pusher

LOOP_STUCK_S = 5.0
"""The loop has noticed Ray's death within a second, unless it waits for an answer."""
LEAVE_AGAIN_S = 0.5
"""A HAProxy that was starting may have read its files before, and had no admin socket yet."""
LEAST_LOADS = 2
"""Replicas that load at the same time on the smallest machine; else one a core."""


def _raise_if_dead(node: Node) -> None:
    if dead := node.dead_processes():
        raise NodeDied(", ".join(dead))


class EmbeddedServer:
    """One start of the server, until it is told to stop or Ray dies."""

    def __init__(
        self,
        desired: DesiredState,
        first: Desired,
        places: ServerPaths,
        *,
        serve_port: int,
        report: Report,
        live: LiveState,
        api: ControlApi,
        writes: Writes,
        stop: threading.Event,
        leaving: threading.Event,
        is_up: ReadyFlag,
    ) -> None:
        """`is_up` is set when Ray has started and models are served; from then on `stop` drains them. With `leaving` the server is
        not ready for `drain_s` before."""
        self._is_up = is_up
        self._desired = desired
        self._first = first
        self._current = first
        self._is_open = False
        """Whether the start is over, so that every port must be open."""
        self._server = first.config.server
        self._places = places
        self._serve_port = serve_port
        self._report = report
        self._live = live
        self._api = api
        self._writes = writes
        self._stop = stop
        self._leaving = leaving
        self._edge = EdgeFiles(places.edge)
        self._stand_in = HaproxyStandby(self._edge, report.trouble)
        tls = self._server.tls
        self._identity = TlsReload(tls, first.config.root, self._edge) if tls else None
        self._metrics = ControlMetrics()
        self._pusher = Pusher(self._metrics.snapshot, HubClient())

    def run(self) -> None:
        """Serve until `stop` is set. Raises NodeDied when Ray is gone."""
        self._edge.write(self._server, {})
        self._tell_connections()
        if self._identity:
            self._identity.start()
        self._report.starting("starting Ray")
        node = Node(self._places.ray, self._server.ray.cpus, self._server.metrics.ray_port, self._tell_slow)
        try:
            self._serve(node)
        finally:
            self._stand_in.close()
            self._pusher.close()
            try:
                node.keep_logs(self._places.state / "logs")
            except OSError as error:  # a full disk must not hide why the server ends
                self._report.trouble(f"Ray's logs are not kept: {reason_of(error)}")
            node.stop()

    def _end_with(self, node: Node) -> None:
        """End this process when Ray has died and who waits for an answer of it, the control loop or the end, does not notice."""
        while not (dead := node.dead_processes()):
            time.sleep(LOOP_STUCK_S)
        time.sleep(LOOP_STUCK_S)
        self._report.trouble(f"Ray's {', '.join(dead)} died")
        os._exit(NODE_DIED)

    def _tell_connections(self) -> None:
        """Where the operator asks for more than there can be. The default is as many as there can be, too."""
        wanted, files = self._server.connections, most_files()
        most = connections(wanted, files).on_a_port
        if most < wanted and "connections" in self._server.model_fields_set:
            self._report.trouble(
                f"connections: {most} are let in on each port and not {wanted}: this user may open {files} files (ulimit -Hn)"
            )

    def _tell_slow(self, seconds: float) -> None:
        self._report.starting(f"still starting Ray, for {seconds:.0f} s now: the machine is busy")

    def _serve(self, node: Node) -> None:
        self._report.starting("starting Ray Serve and HAProxy")
        hub.start(HubPlace(self._server.metrics.host, self._server.metrics.port, self._places.metrics))
        self._stand_in.start()
        client = ServeClient.start(port=self._serve_port, proxy_location="HeadOnly")
        front = ServerUrls(inside=f"http://127.0.0.1:{self._serve_port}", outside=self._server.origin)
        self._tell_where(node, front)
        last = LastGood.read(self._places.last_good)
        memory = Memory(self._places.last_good)
        ports = OpenPorts(self._server)

        deaths = self._death_watch()

        def on_look(running: Running) -> None:
            self._writes.attempt(self._places.edge / "changing", lambda: self._edge.write_changing(running.building))
            deaths.look(running)

        def on_started(statuses: Sequence[ModelStatus]) -> None:
            wait_reachable(front, statuses, EDGE_S, self._stop)
            self._report.started(statuses, example_curl(front, statuses), self._server.metrics.url)
            self._is_open = True

        admission = Admission(max(LEAST_LOADS, len(os.sched_getaffinity(0))))
        rollback = Rollback(good=dict(last.applications))
        applier = Applier(
            client, rollback, front, server=self._server, admission=admission, on_target=self._prepare_edge
        )
        files = FileThread(FileLook(self._desired, self._first), self._stop)
        requested = RequestedApplies(files.wake)
        watcher = Reconciler(
            files,
            self._first,
            applier,
            self._report,
            self._stop,
            metrics=self._metrics,
            each_look=(
                lambda: _raise_if_dead(node),
                lambda: self._look_at_edge(ports, watcher),
                lambda: self._remember(memory, applier, watcher),
            ),
            on_look=on_look,
            on_started=on_started,
            on_turn=self._live.turned,
            requested=requested,
            approve=self._live.approval,
        )
        died = DeathLog(self._places.state)
        self._live.ask_of(
            HubClient().traffic, lambda status: describe_model(front, status), lambda: died.recent(time.time())
        )
        self._api.operations = FileOperations(self._desired, self._live, requested, self._server)
        threading.Thread(target=self._end_with, args=(node,), name="node", daemon=True).start()
        self._pusher.start()
        self._is_up.set()
        watcher.run()
        self._api.operations = None
        self._report.starting(STOPPING)
        if self._leaving.is_set():
            self._leave()
        self._stand_in.close()
        client.shutdown()

    def _look_at_edge(self, ports: OpenPorts, watcher: Reconciler) -> None:
        error = self._edge.error()
        watcher.tell_once("edge", f"HAProxy refuses our frontends: {error}" if error else "")
        watcher.tell_once("ports", ports.closed() if self._is_open else "")
        if self._identity:
            self._identity.look(lambda trouble: watcher.tell_once("tls", trouble))

    def _remember(self, memory: Memory, applier: Applier, watcher: Reconciler) -> None:
        """What is good by now, and what could not be written before."""
        self._writes.again()
        good = self._current.config, applier.rollback.good
        self._writes.attempt(self._places.last_good, lambda: memory.keep(*good))
        failing = self._writes.failing
        watcher.tell_lasting("write ", {str(place): text for place, text in failing.items()})
        self._metrics.wrote(failing=len(failing))

    def _tell_where(self, node: Node, front: ServerUrls) -> None:
        """To the commands that join Ray, where there is no control socket."""
        where = json.dumps({"address": node.address, **asdict(front)})
        self._writes.attempt(self._places.running, lambda: write_private(self._places.running, where))

    def _leave(self) -> None:
        """Tell load balancers for `drain_s` to send no more, while requests are still answered."""
        end = time.monotonic() + self._server.drain_s
        trouble: Exception | None = None
        while (left_s := end - time.monotonic()) > 0:
            try:
                self._edge.write_leaving()  # for a HAProxy that Serve starts from now on
                for socket in self._edge.admin_sockets():
                    leave(socket)
                trouble = None
            except (AdminError, OSError) as error:
                trouble = error
            time.sleep(min(LEAVE_AGAIN_S, left_s))
        if trouble:
            self._report.trouble(f"HAProxy went on saying that the server is ready: {trouble}")

    def _prepare_edge(self, desired: Desired, target: ServeConfig) -> None:
        """Before Serve gets it. Which models it builds again is known at the next look."""
        self._current = desired
        models = edge_models(target)

        def write() -> None:
            self._edge.write(self._server, models)
            self._edge.write_changing(models)

        self._writes.need(self._places.edge, write)

    def _death_watch(self) -> DeathWatch:
        def on_death(death: Death) -> None:
            self._metrics.died(death.model, death.reason)
            self._report.trouble(death.line)

        config = self._first.config
        lost = LostRequests(self._places.edge, config.state_dir / "requests", self._writes)
        try:
            lost.start()
        except OSError as failed:  # the models serve without it
            self._report.trouble(f"requests that a replica loses will not be logged: {reason_of(failed)}")
        log = DeathLog(self._places.state)
        return DeathWatch(replicas_folder(config), log, RayMachine(), lost, on_death, writes=self._writes)
