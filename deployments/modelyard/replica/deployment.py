"""The Ray Serve deployment of a model.

The constructor finds everything that can be wrong with a model. Serve starts a new replica before it stops the old one, and keeps
the old one if the constructor raises, so a model that does not work never gets requests.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

from ray import serve
from ray.serve import Application

from modelyard.errors import ModelyardError
from modelyard.http.asgi import Asgi, AsgiApp
from modelyard.http.fast_path import FAST_PATH
from modelyard.protocols.grpc.asgi import RejectGrpc
from modelyard.ray_serve.application import MODEL_DEPLOYMENT, ModelArgs, ModelSettings
from modelyard.ray_serve.handle import call_gateway, result_or_error
from modelyard.ray_serve.hub import HubClient
from modelyard.ray_serve.loopback import keep_on_loopback
from modelyard.replica.health import check_calls
from modelyard.replica.load_meter import LoadMeter
from modelyard.replica.metrics import memory_snapshot
from modelyard.replica.model_server import ModelServer, load_versions
from modelyard.replica.process_files import open_files, replica_id
from modelyard.replica.process_memory import HeapTrimmer, limit_memory, tune_gc
from modelyard.replica.watchdog import Watchdog
from modelyard.runtimes.operator_code.folder import COPIES
from modelyard.telemetry.metrics.pusher import Pusher
from modelyard.telemetry.metrics.snapshot import Parts
from modelyard.tensors import Signature

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
        model_args = ModelArgs.from_plain(args)
        spec = model_args.spec
        self._exits = open_files(model_args.replicas, spec.name)
        # None as long as the constructor may raise: `__del__` is called all the same.
        self._pusher: Pusher | None = None
        loop = asyncio.get_running_loop()
        if spec.resources.memory:
            limit_memory(spec.resources.memory)
        loaded = await load_versions(model_args)
        self._exits.record_copies(COPIES)
        self._server = server = ModelServer(model_args, loaded, replica_id())
        self._meter = LoadMeter(loop.call_soon, lambda: server.in_flight, time.perf_counter)
        tune_gc()
        FAST_PATH.open(
            {},
            self._meter,
            body_limit=spec.limits.body,
            path_prefix=server.dispatch.path_prefix,
            websocket_app=server.dispatch.websocket_app,
        )
        FAST_PATH.body_budget.released = HeapTrimmer(loop).schedule

        def parts() -> Parts:
            return {spec.name: server.snapshot(), "": memory_snapshot(spec.name)}

        self._pusher = Pusher(parts, HubClient())
        self._pusher.start()
        self._watchdog = Watchdog(server.watched(), end_process=self._exits.stuck, rearm=self._exits.end_later)
        self._watchdog.start()

    async def __del__(self) -> None:
        """Serve awaits this once when the replica has drained. Pushes the metrics of its last requests."""
        self._exits.stopped()
        if self._pusher is not None:
            await asyncio.to_thread(self._pusher.close)
            await asyncio.to_thread(self._server.end_traces)

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Apply settings without a restart; Serve awaits this after the constructor and at each change of them.

        They apply to requests that wait, too. WebSockets and event streams that are open keep the limits with which they began.
        """
        server = self._server
        server.configure(ModelSettings.from_plain(user_config))
        FAST_PATH.endpoints = server.dispatch.fast_paths
        FAST_PATH.streams = server.dispatch.streams(self._meter.arrived, call_gateway)
        FAST_PATH.body_budget.set_limit(server.spec.limits.body)
        self._watchdog.watch(server.watched())

    def __serve_build_asgi_app__(self) -> Asgi:
        routes = self._server.dispatch
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
        check_calls(self._server.stuck_call(), self._exits.record_health)

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve's autoscaling policy reads `running_requests`. It does not see the requests of the fast path by itself."""
        return {"running_requests": self._meter.read()}

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes | ModelyardError:
        """A unary gRPC call through Ray's handle: the gateway forwards calls that HAProxy cannot route."""
        return await result_or_error(self._server.dispatch.grpc(path, message, request_id), request_id)

    def signatures(self, names: Sequence[str]) -> dict[str, Signature]:
        """The signature of the default version, for the gateway. A pool's replica has the same method."""
        return dict.fromkeys(names, self._server.dispatch.signature)
