"""The Ray Serve deployment of a model.

The constructor finds everything that can be wrong with a model. Serve starts a new replica before it stops an old one, and keeps
the old one if the constructor of the new one raises. So a bad model never receives traffic.
"""

import asyncio
import builtins
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve import Application
from ray.serve._private import logging_utils

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelyardError
from modelyard.http.asgi import Asgi, AsgiApp
from modelyard.http.fast_path import FAST_PATH
from modelyard.inference.running_requests import RUNNING
from modelyard.protocols.grpc.asgi import GrpcRefused
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.running_version import run_version
from modelyard.ray_serve.handle import answered, ask_gateway
from modelyard.ray_serve.loopback import keep_on_loopback
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.exit_recorder import ExitRecorder
from modelyard.replica.load_meter import LoadMeter
from modelyard.replica.loading import start_loading
from modelyard.replica.log_handler import open_log
from modelyard.replica.metrics import mark_traced, replica_snapshot
from modelyard.replica.process_memory import HeapTrimmer, limit_memory, tune_gc
from modelyard.replica.watchdog import GRACE_S, Watchdog, WatchedScheduler
from modelyard.replica_files.paths import ReplicaFiles
from modelyard.repository.resolve import ServedVersion
from modelyard.runtimes.operator_code.folder import COPIES
from modelyard.telemetry.metrics.hub import HubClient
from modelyard.telemetry.metrics.pusher import Pusher
from modelyard.telemetry.metrics.snapshot import Snapshot
from modelyard.telemetry.request_log import LogPlace, RequestLog
from modelyard.telemetry.trace_sampling import Tracing
from modelyard.tensors import Signature

if TYPE_CHECKING:
    from modelyard.telemetry.spans import Spans

logger = logging.getLogger("ray.serve")

DEPLOYMENT = "model"
"""The name of the one deployment in a model's application."""
SWITCH_INTERVAL_S = 0.0005
"""With Python's default of 5 ms, the loop waits for worker threads that hold the interpreter's lock: this halves the p99."""
STUCK_AFTER_TIMEOUTS = 3
"""A model call that runs for this many timeouts counts as hung, and the replica is replaced."""


def build(args: dict[str, Any]) -> Application:
    """Serve's application builder. `control.applications` writes `args`. Runs in a process of its own."""
    return serve.deployment(name=DEPLOYMENT)(serve.ingress()(ModelReplica)).bind(args)


class ModelReplica:
    """Serves all chosen versions of one model."""

    async def __init__(self, args: dict[str, Any]) -> None:  # type: ignore[misc] # Serve awaits constructors
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        keep_on_loopback()
        self._exits = _open_files(args)
        self._pusher: Pusher | None = None  # until the constructor can no longer raise: `__del__` runs even then
        self._spans: Spans | None = None
        self._spec = spec = ModelSpec.model_validate(args["spec"])
        self._loop = asyncio.get_running_loop()
        if spec.resources.memory:
            limit_memory(spec.resources.memory)
        loaded = await self._load(args)
        self._exits.record_copies(COPIES)
        log = RequestLog(spec.name, _log_place(args["request_log"]))
        self._spans = _spans(spec.name, args["tracing"])
        tracing = Tracing(args["tracing"]["sample"], self._spans.write) if self._spans else None
        self._versions = {each.served.number: run_version(each, spec, self._loop, log, tracing) for each in loaded}
        self._routes = Dispatch(spec, args["runtime"], self._versions, self._loop)
        self._meter = LoadMeter(self._loop.call_soon, self._in_flight, time.perf_counter)
        streams = self._routes.streams(self._meter.arrived, ask_gateway)
        tune_gc()
        FAST_PATH.open(
            self._routes.fast_paths,
            self._meter,
            body_limit=spec.limits.body,
            path_prefix=self._routes.path_prefix,
            streams=streams,
            websocket_app=self._routes.websocket_app,
        )
        FAST_PATH.body_budget.released = HeapTrimmer(self._loop).schedule

        def snapshot() -> Snapshot:
            log.write()
            if tracing is not None:
                mark_traced(self._versions, tracing.write())
            return replica_snapshot(spec, self._versions)

        self._pusher = Pusher(snapshot, HubClient())
        self._pusher.start()
        limit_s = spec.limits.timeout_s + GRACE_S
        Watchdog(
            [
                WatchedScheduler(f"version {number} of model {spec.name!r}", version.scheduler, limit_s)
                for number, version in self._versions.items()
            ],
            end_process=self._exits.stuck,
            rearm=self._exits.end_later,
        ).start()

    async def __del__(self) -> None:
        """Serve awaits this once when the replica has drained. Pushes the metrics and traces of the last requests."""
        self._exits.stopped()
        if self._pusher is not None:
            await asyncio.to_thread(self._pusher.close)
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close)

    async def _load(self, args: dict[str, Any]) -> list[LoadedVersion]:
        """Load all versions, one after the other. Each loads in its own thread, so that a timeout applies even if one hangs."""
        spec, root = self._spec, Path(args["repository"])
        served = [ServedVersion(number, digest) for number, digest in args["versions"]]

        async def load() -> list[LoadedVersion]:
            return [
                await asyncio.wrap_future(start_loading(spec, args["runtime"], root, each), loop=self._loop)
                for each in served
            ]

        try:
            return await asyncio.wait_for(load(), spec.load_timeout_s)
        except TimeoutError:
            # The thread cannot be stopped, but Serve ends this process when its constructor raises.
            raise TimeoutError(f"the model did not load within load_timeout_s ({spec.load_timeout_s:g} s)") from None

    def __serve_build_asgi_app__(self) -> Asgi:
        app = AsgiApp(
            self._routes.respond,
            FAST_PATH.body_budget,
            path_prefix=self._routes.path_prefix,
            websocket_app=self._routes.websocket_app,
        )
        return GrpcRefused(app, (*FAST_PATH.endpoints, *FAST_PATH.streams), FAST_PATH.body_budget)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Apply changes that need no restart; see `control.applications`."""
        self._routes.describe(user_config["description"])
        self._routes.choose(user_config["default"], user_config["version_labels"])
        FAST_PATH.endpoints = self._routes.fast_paths

    async def check_health(self) -> None:
        """Serve replaces a replica whose health check raises."""
        limit_s = STUCK_AFTER_TIMEOUTS * self._spec.limits.timeout_s
        stuck = {number: version.scheduler.stuck_s() for number, version in self._versions.items()}
        problem = next(
            (f"a call of version {n} has not returned for {s:.0f} s" for n, s in stuck.items() if s > limit_s), ""
        )
        self._exits.record_health(problem)
        if problem:
            raise RuntimeError(problem)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """The input of Serve's autoscaling policy. Serve itself does not count requests on the fast path."""
        return {"running_requests": self._meter.read()}

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes | ModelyardError:
        """Respond to a gRPC call that the gateway forwards over Ray, because HAProxy cannot route it."""
        return await answered(self._routes.grpc(path, message, request_id), request_id)

    def signature(self) -> Signature:
        """The default version's, for the gateway."""
        return self._routes.signature

    def _in_flight(self) -> int:
        return sum(version.scheduler.in_flight for version in self._versions.values())


def _open_files(args: dict[str, Any]) -> ExitRecorder:
    """Log to the replica's own file, and record why the process ends. The model is served even if the files cannot be written."""
    files = ReplicaFiles(Path(args["replicas"]), args["spec"]["name"], serve.get_replica_context().replica_id.unique_id)
    try:
        open_log(files)
        RUNNING.open(files.running)
    except OSError as error:
        logger.warning("cannot write %s: %s", files.log, error)
    builtins.print = logging_utils.buildin_print  # replaces Serve's own, which adds no request ids
    exits = ExitRecorder(files)
    exits.install()
    return exits


def _log_place(settings: dict[str, Any]) -> LogPlace:
    """From the settings that `control.applications` writes."""
    replica = serve.get_replica_context().replica_id.unique_id
    return LogPlace(**{**settings, "folder": Path(settings["folder"]), "replica": replica})


def _spans(model: str, settings: dict[str, Any] | None) -> "Spans | None":
    """The sender of traces, from the settings in `server.yaml`; None if tracing is off."""
    if settings is None:
        return None
    from modelyard.telemetry import spans  # noqa: PLC0415 - an extra that is only installed for tracing

    return spans.Spans(model, settings["endpoint"])
