"""The Ray Serve deployment of a model: the adapter between Serve's replica and ours.

Everything that can be wrong with a model is found in the constructor. Serve starts a new replica before it stops an old one, and
keeps the old one where the constructor of the new one raises: so a bad model never takes traffic.
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
from modelyard.replica.exits import Exits
from modelyard.replica.gc_tuning import tune_gc
from modelyard.replica.health import check_calls, within_load_timeout
from modelyard.replica.heap_trim import Trimmer
from modelyard.replica.load_meter import LoadMeter
from modelyard.replica.loading import start_loading
from modelyard.replica.logs import open_log
from modelyard.replica.memory_limit import limit_memory
from modelyard.replica.metrics import mark_traced, replica_snapshot
from modelyard.replica.watchdog import LATE_S, Watchdog, Watched
from modelyard.replica_files.paths import ReplicaFiles
from modelyard.repository.resolve import ServedVersion
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

DEPLOYMENT = "model"
"""The name of the one deployment in a model's application."""
SWITCH_INTERVAL_S = 0.0005
"""Python's own 5 ms would keep the loop waiting for a model's thread that holds the interpreter: p99 halves with this."""


def build(args: dict[str, Any]) -> Application:
    """Serve's application builder: `args` are what `control.applications` wrote. Runs in a process of its own."""
    return serve.deployment(name=DEPLOYMENT)(serve.ingress()(ModelReplica)).bind(args)


class ModelReplica:
    """Serves every chosen version of one model."""

    async def __init__(self, args: dict[str, Any]) -> None:  # type: ignore[misc] # Serve awaits constructors
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        keep_on_loopback()
        self._exits = _open_files(args)
        self._pusher: Pusher | None = (
            None  # none as long as the constructor may raise: `__del__` is called all the same
        )
        self._spans: SpanWriter | None = None
        self._spec = spec = ModelSpec.model_validate(args["spec"])
        self._loop = asyncio.get_running_loop()
        if spec.resources.memory:
            limit_memory(spec.resources.memory)
        loaded = await self._load(args)
        self._exits.loaded(COPIES)
        log = RequestLog(spec.name, _log_place(args["request_log"]))
        self._spans = _spans(spec.name, args["tracing"])
        tracing = TraceSampler(args["tracing"]["sample"], self._spans.write) if self._spans else None
        self._versions = {each.served.number: run_version(each, spec, self._loop, log, tracing) for each in loaded}
        self._routes = Dispatch(spec, args["runtime"], self._versions, self._loop)
        self._meter = LoadMeter(self._loop.call_soon, self._in_flight, time.perf_counter)
        streams = self._routes.streams(self._meter.arrived, ask_gateway)
        tune_gc()
        FAST_PATH.open(
            self._routes.fast_paths,
            self._meter,
            body_limit=spec.limits.body,
            mount=self._routes.mount,
            streams=streams,
            sockets=self._routes.sockets,
        )
        FAST_PATH.bodies.released = Trimmer(self._loop).soon

        def snapshot() -> MetricsSnapshot:
            log.flush()
            if tracing is not None:
                mark_traced(self._versions, tracing.flush())
            return replica_snapshot(spec, self._versions)

        self._pusher = Pusher(snapshot, HubClient())
        self._pusher.start()
        limit_s = spec.limits.timeout_s + LATE_S
        Watchdog(
            [
                Watched(f"version {number} of model {spec.name!r}", version.scheduler, limit_s)
                for number, version in self._versions.items()
            ],
            die=self._exits.stuck,
            rearm=self._exits.end_later,
        ).start()

    async def __del__(self) -> None:
        """Serve awaits this once when the replica has drained: its last requests are pushed too."""
        self._exits.stopped()
        if self._pusher is not None:
            await asyncio.to_thread(self._pusher.close)
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close)

    async def _load(self, args: dict[str, Any]) -> list[LoadedVersion]:
        """All versions, one after the other, each in its own thread, so that one that hangs can be given up."""
        spec, root = self._spec, Path(args["repository"])
        served = [ServedVersion(number, digest) for number, digest in args["versions"]]

        async def load() -> list[LoadedVersion]:
            return [
                await asyncio.wrap_future(start_loading(spec, args["runtime"], root, each), loop=self._loop)
                for each in served
            ]

        return await within_load_timeout(load(), spec.load_timeout_s)

    def __serve_build_asgi_app__(self) -> Asgi:
        app = AsgiApp(self._routes.respond, FAST_PATH.bodies, mount=self._routes.mount, sockets=self._routes.sockets)
        return GrpcRefused(app, (*FAST_PATH.hot, *FAST_PATH.streams), FAST_PATH.bodies)

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """What may change without a restart; see `control.applications`."""
        self._routes.describe(user_config["description"])
        self._routes.choose(user_config["default"], user_config["version_labels"])
        FAST_PATH.hot = self._routes.fast_paths

    async def check_health(self) -> None:
        """Serve replaces a replica whose health check raises."""
        running_s = {number: version.scheduler.stuck_s() for number, version in self._versions.items()}
        check_calls(running_s, self._spec.limits.timeout_s, self._exits.healthy)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve's autoscaling policy reads `running_requests`; it does not see what the lane answers."""
        return {"running_requests": self._meter.read()}

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes | ModelyardError:
        """A gRPC call of one message, by Ray's own way; the gateway passes on what HAProxy cannot route."""
        return await answered(self._routes.grpc(path, message, request_id), request_id)

    def signature(self) -> Signature:
        """The default version's; the gateway asks."""
        return self._routes.signature

    def _in_flight(self) -> int:
        return sum(version.scheduler.in_flight for version in self._versions.values())


def _open_files(args: dict[str, Any]) -> Exits:
    """Log to the replica's own file, and note why the process ends. Where the disk refuses it, the model serves all the same."""
    files = ReplicaFiles(Path(args["replicas"]), args["spec"]["name"], serve.get_replica_context().replica_id.unique_id)
    try:
        open_log(files)
        RUNNING.open(files.running)
    except OSError as error:
        logger.warning("cannot write %s: %s", files.log, error)
    builtins.print = logging_utils.buildin_print  # Serve has put its own in its place, which knows no request
    exits = Exits(files)
    exits.install()
    return exits


def _log_place(settings: dict[str, Any]) -> RequestLogConfig:
    """As `control.applications` wrote it."""
    replica = serve.get_replica_context().replica_id.unique_id
    return RequestLogConfig(**{**settings, "folder": Path(settings["folder"]), "replica": replica})


def _spans(model: str, settings: dict[str, Any] | None) -> "SpanWriter | None":
    """What sends traces, as `server.yaml` has it; None where they are off."""
    if settings is None:
        return None
    from modelyard.telemetry import spans  # noqa: PLC0415 - an extra: only there for who wants traces

    return spans.SpanWriter(model, settings["endpoint"])
