"""The parts of a replica behind its HTTP server: routes, codecs and scheduler of one version of a fake model.

In a pool, the same model has two neighbours, which no request is for.
"""

from pathlib import Path
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.asgi import AsgiApp
from modelyard.inference.warmup import Warmup
from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.grpc.stream_endpoint import InferOther
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.running_version import RunningVersion, run_version
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.load_meter import LoadMeter
from modelyard.replica.pool_dispatch import PoolDispatch
from modelyard.repository.resolve import ServedVersion
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.telemetry.trace_sampling import TraceSampler
from tests.contract.client import Client, Response
from tests.contract.http_server import HttpServer
from tests.fakes import FakeModel

UNWRITTEN = RequestLog("doubler", RequestLogConfig(Path("/nowhere"), 0.0))
"""A recorder whose records are not written."""
PREDICT = "/models/doubler/predict"
ONE, TWO = b'{"instances": [[1.5]]}', b'{"instances": [[2], [-4]]}'
CHEAP = Warmup(fixed_s=20e-6, per_row_s=1e-6, batchable=True)
"""Runs on the loop."""
DEAR = Warmup(fixed_s=50e-3, per_row_s=1e-3, batchable=True)
"""Runs in the worker, where a test may hold it."""


def running(name: str, loop: Any) -> RunningVersion:
    """Version 3 of another model, which triples."""
    model = FakeModel(lambda inputs: {"y": inputs["x"] * 3})
    codecs = codecs_of(name, 3, model.signature)
    loaded = LoadedVersion(ServedVersion(3, "sha256:0"), model, codecs, ONE, CHEAP, 0.0)
    return run_version(loaded, ModelSpec(name=name), loop, UNWRITTEN)


async def not_cold(name: str) -> Dispatch:
    """All models of the pool are loaded."""
    raise AssertionError(name)


async def alone(path: bytes, message: bytes, request_id: str) -> bytes:
    """The gateway's response for other models."""
    raise ModelNotFound("there is no other model")


class Replica:
    """Version 3 of the model "doubler", on one path."""

    def __init__(
        self,
        http_server: HttpServer,
        way: str,
        model: FakeModel | None = None,
        warmup: Warmup = CHEAP,
        tracing: TraceSampler | None = None,
        others: InferOther | None = None,
        in_pool: bool = False,
        **limits: Any,
    ) -> None:
        self.http_server = http_server
        self.way = way
        self.model = model or FakeModel()
        spec = ModelSpec.model_validate({"name": "doubler", "limits": limits})
        loaded = LoadedVersion(
            ServedVersion(3, "sha256:0"), self.model, codecs_of("doubler", 3, self.model.signature), ONE, warmup, 0.0
        )
        self._others = others or alone
        self.pool = PoolDispatch("/pools/small", not_cold, others=self._others) if in_pool else None
        self._neighbours: list[RunningVersion] = []
        self._asgi_before = http_server.reached_app
        self.version: RunningVersion = http_server.on_loop(
            lambda: run_version(loaded, spec, http_server.loop, UNWRITTEN, tracing)
        )
        http_server.on_loop(lambda: self._open(spec))

    def _open(self, spec: ModelSpec) -> None:
        routes = self.routes = Dispatch(spec, "onnx", {3: self.version})
        routes.choose(3, {"stable": 3})
        self.fast_paths = frozenset(path.decode() for path in routes.fast_paths)
        meter = LoadMeter(self.http_server.loop.call_soon, lambda: self.in_flight, self.http_server.loop.time)
        if self.pool is not None:
            self._open_pool(self.pool, meter)
            return
        self.http_server.route = spec.url_path
        on_fast_path = self.way == "fast path"
        self.http_server.fast_path.open(
            routes.fast_paths if on_fast_path else {},
            meter,
            body_limit=spec.limits.body,
            path_prefix=routes.path_prefix,
            streams=routes.streams(meter.arrived, self._others) if on_fast_path else {},
            websocket_app=routes.websocket_app if on_fast_path else None,
        )
        self.http_server.app = AsgiApp(
            routes.respond,
            self.http_server.fast_path.body_budget,
            path_prefix=routes.path_prefix,
            websocket_app=routes.websocket_app,
        )

    def _open_pool(self, pool: PoolDispatch, meter: LoadMeter) -> None:
        for name in ("double", "doubler2"):
            self._neighbours.append(neighbour := running(name, self.http_server.loop))
            pool.set_loaded(Dispatch(ModelSpec(name=name), "onnx", {3: neighbour}))
        pool.set_loaded(self.routes)
        fast_path = self.http_server.fast_path
        pool.open(fast_path, meter)
        if self.way != "fast path":
            fast_path.endpoints, fast_path.streams, fast_path.websocket_app = {}, {}, None
        self.http_server.route = "/pools/small"
        self.http_server.app = AsgiApp(
            pool.respond, fast_path.body_budget, path_prefix=pool.path_prefix, websocket_app=pool.websocket_app
        )

    def configure(self, **keys: Any) -> None:
        """Apply other limits or batching while the server runs, as `ModelReplica.reconfigure` does."""
        spec = ModelSpec.model_validate({"name": "doubler", **keys})

        def apply() -> None:
            self.version.configure(spec.limits, spec.batching)
            self.routes.configure(spec)
            self.routes.choose(3, {"stable": 3})
            if self.pool is not None:
                self.pool.set_loaded(self.routes)
                return
            fast_path = self.http_server.fast_path
            fast_path.body_budget.set_limit(spec.limits.body)
            if self.way == "fast path":
                fast_path.endpoints = self.routes.fast_paths
                fast_path.streams = self.routes.streams(fast_path.arrived, self._others)

        self.http_server.on_loop(apply)

    @property
    def in_flight(self) -> int:
        return self.version.scheduler.in_flight

    @property
    def by_fast_path(self) -> bool:
        """Whether all requests so far took the fast path."""
        return self.http_server.reached_app == self._asgi_before

    def connect(self) -> Client:
        return Client(self.http_server.port)

    def fetch(self, *pieces: bytes) -> Response:
        """The response to one request on a new connection."""
        with self.connect() as client:
            return client.fetch(*pieces)

    def close(self) -> None:
        """Check that no request is open, and end the model's thread."""
        self.model.release()
        versions = (self.version, *self._neighbours)
        for end in (*(each.scheduler.close for each in versions), *(each.decoder.close for each in versions)):
            if self.http_server.running:
                self.http_server.on_loop(end)
            else:
                end()
