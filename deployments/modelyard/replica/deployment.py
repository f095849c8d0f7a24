"""The Ray Serve deployment of a model.

The constructor finds everything that can be wrong with a model. Serve starts a new replica before it stops the old one, and keeps
the old one if the constructor raises, so a model that does not work never gets requests.
"""

import asyncio
import builtins
import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve import Application
from ray.serve._private import logging_utils

from modelyard.config.server_spec import TracingSpec
from modelyard.errors import ModelyardError
from modelyard.http.asgi import Asgi, AsgiApp
from modelyard.http.fast_path import FAST_PATH
from modelyard.inference.running_requests import RUNNING
from modelyard.protocols.grpc.asgi import RejectGrpc
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.running_version import run_version
from modelyard.ray_serve.application import MODEL_DEPLOYMENT, ModelArgs, ModelSettings, RequestLogArgs
from modelyard.ray_serve.handle import call_gateway, result_or_error
from modelyard.ray_serve.loopback import keep_on_loopback
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.exit_recorder import ExitRecorder
from modelyard.replica.health import check_calls, within_load_timeout
from modelyard.replica.load_meter import LoadMeter
from modelyard.replica.loading import start_loading
from modelyard.replica.log_handler import open_log
from modelyard.replica.metrics import mark_traced, replica_snapshot
from modelyard.replica.process_memory import HeapTrimmer, limit_memory, tune_gc
from modelyard.replica.watchdog import GRACE_S, Watchdog, WatchedScheduler
from modelyard.replica_files.paths import ReplicaFiles
from modelyard.runtimes.operator_code.folder import COPIES
from modelyard.telemetry.metrics.hub import HubClient
from modelyard.telemetry.metrics.pusher import Pusher
from modelyard.telemetry.metrics.snapshot import MetricsSnapshot
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.telemetry.trace_sampling import TraceSampler
from modelyard.tensors import Signature

if TYPE_CHECKING:
    from modelyard.telemetry.spans import SpanWriter

logger = logging.getLogger("ray.serve")

SWITCH_INTERVAL_S = 0.0005
"""With Python's default of 5 ms, the loop waits for worker threads that hold the interpreter's lock: this halves the p99."""


def build(args: dict[str, Any]) -> Application:
    """Serve's application builder: `args` are the plain values of ModelArgs. Runs in a separate process."""
    return serve.deployment(name=MODEL_DEPLOYMENT)(serve.ingress()(ModelReplica)).bind(args)


class ModelReplica:
    """Serves all chosen versions of one model."""

    async def __init__(self, args: dict[str, Any]) -> None:  # type: ignore[misc] # Serve awaits constructors
        """Serve awaits `reconfigure` next; until then limits and batching are the defaults."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        keep_on_loopback()
        self._args = ModelArgs.from_plain(args)
        self._exits = _open_files(self._args)
        # None as long as the constructor may raise: `__del__` is called all the same.
        self._pusher: Pusher | None = None
        self._spans: SpanWriter | None = None
        self._spec = spec = self._args.spec
        self._loop = asyncio.get_running_loop()
        if spec.resources.memory:
            limit_memory(spec.resources.memory)
        loaded = await self._load()
        self._exits.record_copies(COPIES)
        log = RequestLog(spec.name, _log_place(self._args.request_log))
        self._spans = _spans(spec.name, self._args.tracing)
        tracing = (
            TraceSampler(self._args.tracing.sample, self._spans.write) if self._args.tracing and self._spans else None
        )
        self._versions = {each.served.number: run_version(each, spec, self._loop, log, tracing) for each in loaded}
        self._meter = LoadMeter(self._loop.call_soon, self._in_flight, time.perf_counter)
        tune_gc()
        self._routes = routes = Dispatch(spec, self._args.runtime, self._versions)
        FAST_PATH.open(
            {},
            self._meter,
            body_limit=spec.limits.body,
            path_prefix=routes.path_prefix,
            websocket_app=routes.websocket_app,
        )
        FAST_PATH.body_budget.released = HeapTrimmer(self._loop).schedule

        def snapshot() -> MetricsSnapshot:
            log.flush()
            if tracing is not None:
                mark_traced(self._versions, tracing.flush())
            return replica_snapshot(self._spec, self._versions)

        self._pusher = Pusher(snapshot, HubClient())
        self._pusher.start()
        self._watchdog = Watchdog(self._watched(), end_process=self._exits.stuck, rearm=self._exits.end_later)
        self._watchdog.start()

    async def __del__(self) -> None:
        """Serve awaits this once when the replica has drained. Pushes the metrics of its last requests."""
        self._exits.stopped()
        if self._pusher is not None:
            await asyncio.to_thread(self._pusher.close)
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close)

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Apply settings without a restart; Serve awaits this after the constructor and at each change of them.

        They apply to requests that wait, too. WebSockets and event streams that are open keep the limits with which they began.
        """
        settings = ModelSettings.from_plain(user_config)
        self._spec = spec = settings.applied_to(self._args.spec)
        for version in self._versions.values():
            version.configure(spec.limits, spec.batching)
        routes = self._routes
        routes.configure(spec)
        routes.choose(settings.default, settings.version_labels)
        FAST_PATH.endpoints = routes.fast_paths
        FAST_PATH.streams = routes.streams(self._meter.arrived, call_gateway)
        FAST_PATH.body_budget.set_limit(spec.limits.body)
        self._watchdog.watch(self._watched())

    async def _load(self) -> list[LoadedVersion]:
        """Load all versions, one after the other, each in its own thread, so that a load that hangs can be abandoned."""
        spec, args = self._spec, self._args

        async def load() -> list[LoadedVersion]:
            return [
                await asyncio.wrap_future(start_loading(spec, args.runtime, args.repository, each), loop=self._loop)
                for each in args.versions
            ]

        return await within_load_timeout(load(), spec.load_timeout_s)

    def __serve_build_asgi_app__(self) -> Asgi:
        routes = self._routes
        app = AsgiApp(
            routes.respond,
            FAST_PATH.body_budget,
            path_prefix=routes.path_prefix,
            websocket_app=routes.websocket_app,
        )
        grpc = (*routes.fast_paths, *routes.streams(self._meter.arrived, call_gateway))
        return RejectGrpc(app, grpc, FAST_PATH.body_budget)

    async def check_health(self) -> None:
        """Serve replaces a replica whose health check raises."""
        running_s = {number: version.scheduler.stuck_s() for number, version in self._versions.items()}
        check_calls(running_s, self._spec.limits.timeout_s, self._exits.record_health)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve's autoscaling policy reads `running_requests`. It does not see the requests of the fast path by itself."""
        return {"running_requests": self._meter.read()}

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes | ModelyardError:
        """A unary gRPC call through Ray's handle: the gateway forwards calls that HAProxy cannot route."""
        return await result_or_error(self._routes.grpc(path, message, request_id), request_id)

    def signature(self) -> Signature:
        """The signature of the default version, for the gateway."""
        return self._routes.signature

    def _watched(self) -> list[WatchedScheduler]:
        limit_s = self._spec.limits.timeout_s + GRACE_S
        return [
            WatchedScheduler(f"version {number} of model {self._spec.name!r}", version.scheduler, limit_s)
            for number, version in self._versions.items()
        ]

    def _in_flight(self) -> int:
        return sum(version.scheduler.in_flight for version in self._versions.values())


def _open_files(args: ModelArgs) -> ExitRecorder:
    """Open the replica's log and record why the process ends. If the disk cannot be written, the model serves without them."""
    files = ReplicaFiles(args.replicas, args.spec.name, serve.get_replica_context().replica_id.unique_id)
    try:
        open_log(files)
        RUNNING.open(files.running)
    except OSError as error:
        logger.warning("cannot write %s: %s", files.log, error)
    builtins.print = logging_utils.buildin_print  # replaces Serve's own, which adds no request ids
    exits = ExitRecorder(files)
    exits.install()
    return exits


def _log_place(args: RequestLogArgs) -> RequestLogConfig:
    replica = serve.get_replica_context().replica_id.unique_id
    return RequestLogConfig(args.folder, args.share, args.slow_s, behind_edge=args.behind_edge, replica=replica)


def _spans(model: str, tracing: TracingSpec | None) -> "SpanWriter | None":
    """Sends spans to the collector that `server.yaml` names; None where tracing is off."""
    if tracing is None:
        return None
    from modelyard.telemetry import spans  # noqa: PLC0415 - an optional dependency, imported only where it is used

    return spans.SpanWriter(model, tracing.endpoint)
