"""The Ray Serve deployment of a pool: one process that holds many models.

The hub has its models, so adding, changing or removing one starts no process and is no work for Serve. The constructor does not
load them: a replica that replaces one that died answers the first request of each model as soon as that model is loaded.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from ray import serve
from ray.serve import Application

from modelyard.errors import ModelyardError
from modelyard.http.asgi import Asgi, AsgiApp
from modelyard.http.fast_path import FAST_PATH
from modelyard.protocols.grpc.asgi import RejectGrpc
from modelyard.ray_serve.application import MODEL_DEPLOYMENT, ModelArgs, PoolArgs
from modelyard.ray_serve.handle import call_gateway, result_or_error
from modelyard.ray_serve.hub import HubClient
from modelyard.ray_serve.loopback import keep_on_loopback
from modelyard.ray_serve.pool_report import ModelReport
from modelyard.ray_serve.settings_follower import SettingsFollower
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.health import check_calls
from modelyard.replica.load_meter import LoadMeter
from modelyard.replica.metrics import memory_snapshot
from modelyard.replica.model_server import ModelServer, load_versions
from modelyard.replica.pool import Pool
from modelyard.replica.pool_dispatch import PoolDispatch
from modelyard.replica.pool_reporter import PoolReporter
from modelyard.replica.process_files import open_files, replica_id
from modelyard.replica.process_memory import HeapTrimmer, ProcessHeap, collect_released, freeze_loaded, tune_gc
from modelyard.replica.quarantine import Quarantine
from modelyard.replica.watchdog import Watchdog
from modelyard.replica_files.paths import ReplicaFiles
from modelyard.residency.budget import MemoryBudget
from modelyard.residency.heap import fix_mmap_threshold
from modelyard.residency.measure import allocated_bytes
from modelyard.runtimes.process import PROCESS
from modelyard.telemetry.metrics.pusher import Pusher
from modelyard.telemetry.metrics.snapshot import Parts
from modelyard.tensors import Signature

MAX_STUCK_CALLS = 8
"""Calls of models that hang, each in a thread of its own, before the process is replaced."""

WATCH_DELAY_S = 0.5
"""From a change to the watchdog's next list of models: with a thousand models, making it takes milliseconds."""

SWITCH_INTERVAL_S = 50e-6
"""A load releases the interpreter's lock often and briefly, and each time the event loop begins to wait for the interval anew. With
0.5 ms it waits up to 18 ms for the lock while a forest of 10 MB loads, with this 4 ms. The cost: two threads that compute in Python
at the same time lose a tenth of their speed."""


def build(args: dict[str, Any]) -> Application:
    """Serve's application builder: `args` are the plain values of PoolArgs. Runs in a separate process."""
    return serve.deployment(name=MODEL_DEPLOYMENT)(serve.ingress()(PoolReplica)).bind(args)


class PoolReplica:
    """Serves the models of a pool."""

    async def __init__(self, args: dict[str, Any]) -> None:  # type: ignore[misc] # Serve awaits constructors
        """Returns when the pool has its models, before they are loaded."""
        fix_mmap_threshold()
        PROCESS.holds_many_models = True
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        keep_on_loopback()
        pool_args = PoolArgs.from_plain(args)
        self._exits = open_files(pool_args.replicas, pool_args.application)
        self._quarantine = Quarantine(ReplicaFiles(pool_args.replicas, pool_args.application, replica_id()))
        await asyncio.to_thread(self._quarantine.read)
        loop = asyncio.get_running_loop()
        tune_gc()

        def dispatch(load: Callable[[str], Awaitable[Dispatch]]) -> PoolDispatch:
            return PoolDispatch(f"/{pool_args.application}", load, others=call_gateway)

        self._pool = pool = Pool(
            MemoryBudget(pool_args.memory),
            dispatch,
            _load,
            heap=ProcessHeap(
                allocated_bytes,
                lambda: asyncio.to_thread(collect_released),  # it may run code of models
            ),
            changed=self._on_change,
            quarantine=self._quarantine.reason,
        )
        self._dispatch = pool.dispatch
        self._meter = LoadMeter(loop.call_soon, self._in_flight, time.perf_counter, may_wait=lambda: True)
        self._dispatch.open(FAST_PATH, self._meter)
        FAST_PATH.body_budget.released = HeapTrimmer(loop).schedule

        def parts() -> Parts:
            return {**pool.metrics.parts(), "": memory_snapshot(pool_args.application)}

        def reports() -> dict[str, ModelReport]:
            return pool.metrics.marked(pool.reports())

        pool.metrics.args = pool_args
        hub = HubClient()
        self._reporter = PoolReporter(replica_id(), reports, hub, loop)
        self._pusher = Pusher(parts, hub)
        self._pusher.start()
        self._watchdog = Watchdog([], end_process=self._exits.stuck, rearm=self._exits.end_later)
        self._watchdog.start()
        self._watching: asyncio.TimerHandle | None = None
        self._models = SettingsFollower(pool_args.application, hub, self._configure)
        await self._models.start()

    async def __del__(self) -> None:
        """Serve awaits this once when the replica has drained. Pushes the metrics of its last requests."""
        self._exits.stopped()
        await asyncio.to_thread(self._reporter.close)
        await asyncio.to_thread(self._pusher.close)
        for server in self._pool.servers():
            if server.is_traced:
                await asyncio.to_thread(server.end_traces)

    async def _configure(self, models: dict[str, dict[str, Any]]) -> None:
        """Hold these models from now on. Returns before they are loaded; see `Pool.configure`."""
        self._quarantine.bind({name: member["fingerprint"] for name, member in models.items()})
        self._pool.configure(models)
        await asyncio.to_thread(self._quarantine.write)

    def _on_change(self) -> None:
        self._exits.record_signals()  # a model has been loaded, and may have changed that
        self._reporter.report_soon()
        if self._watching is None:  # a load has several changes
            self._watching = asyncio.get_running_loop().call_later(WATCH_DELAY_S, self._watch)

    def _watch(self) -> None:
        self._watching = None
        self._watchdog.watch([each for server in self._pool.servers() for each in server.watched()])

    def __serve_build_asgi_app__(self) -> Asgi:
        routes = self._dispatch
        app = AsgiApp(
            routes.respond,
            FAST_PATH.body_budget,
            path_prefix=routes.path_prefix,
            websocket_app=routes.websocket_app,
        )
        return RejectGrpc(app, routes.grpc_paths, FAST_PATH.body_budget)

    async def check_health(self) -> None:
        """Serve replaces a replica whose health check raises. A call that hangs costs its own model only."""
        stuck = self._pool.stuck_calls()
        check_calls(
            f"{len(stuck)} calls hang: {stuck[0]}" if len(stuck) > MAX_STUCK_CALLS else "", self._exits.record_health
        )

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve's autoscaling policy reads `running_requests`. It does not see the requests of the fast path by itself."""
        return {"running_requests": self._meter.read()}

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes | ModelyardError:
        """A unary gRPC call through Ray's handle: the gateway forwards calls that HAProxy cannot route."""
        return await result_or_error(self._dispatch.grpc(path, message, request_id), request_id)

    async def change_residency(self, name: str, change: Literal["load", "evict"]) -> ModelyardError | None:
        """Load or evict a model, for the gateway; see `RepositoryApi`."""
        call = self._pool.load(name) if change == "load" else self._pool.evict(name)
        return await result_or_error(call, "")

    def signatures(self, names: Sequence[str]) -> dict[str, Signature]:
        """The signatures of those of these models that are loaded, for the gateway."""
        found = ((name, self._dispatch.get(name)) for name in names)
        return {
            name: model.dispatch.signature for name, model in found if model is not None and model.dispatch is not None
        }

    def _in_flight(self) -> int:
        return self._dispatch.waiting + sum(server.in_flight for server in self._pool.servers())


async def _load(args: ModelArgs) -> ModelServer:
    server = ModelServer(args, await load_versions(args), replica_id())
    freeze_loaded()
    return server
