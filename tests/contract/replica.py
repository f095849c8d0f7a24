"""What a replica has behind its server: routes, predictor, codec and model server of one version of a fake model."""

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
from modelyard.repository.resolve import ServedVersion
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.telemetry.trace_sampling import TraceSampler
from tests.contract.client import Answer, Client
from tests.contract.front import Front
from tests.fakes import FakeModel

UNWRITTEN = RequestLog("doubler", RequestLogConfig(Path("/nowhere"), 0.0))
"""Nobody writes what it is told."""
PREDICT = "/models/doubler/predict"
ONE, TWO = b'{"instances": [[1.5]]}', b'{"instances": [[2], [-4]]}'
CHEAP = Warmup(fixed_s=20e-6, per_row_s=1e-6, batchable=True)
"""Runs on the loop."""
DEAR = Warmup(fixed_s=50e-3, per_row_s=1e-3, batchable=True)
"""Runs in the worker, where a test may hold it."""


async def alone(path: bytes, message: bytes, request_id: str) -> bytes:
    """What the gateway would say of any other model."""
    raise ModelNotFound("there is no other model")


class Replica:
    """Version 3 of the model "doubler", on one way in."""

    def __init__(
        self,
        front: Front,
        way: str,
        model: FakeModel | None = None,
        warmup: Warmup = CHEAP,
        tracing: TraceSampler | None = None,
        others: InferOther | None = None,
        **limits: Any,
    ) -> None:
        self.front = front
        self.way = way
        self.model = model or FakeModel()
        spec = ModelSpec.model_validate({"name": "doubler", "limits": limits})
        loaded = LoadedVersion(
            ServedVersion(3, "sha256:0"), self.model, codecs_of("doubler", 3, self.model.signature), ONE, warmup, 0.0
        )
        self._others = others or alone
        self._asgi_before = front.reached_app
        self.version: RunningVersion = front.on_loop(lambda: run_version(loaded, spec, front.loop, UNWRITTEN, tracing))
        front.on_loop(lambda: self._open(spec))

    def _open(self, spec: ModelSpec) -> None:
        routes = self.routes = Dispatch(spec, "onnx", {3: self.version}, self.front.loop)
        routes.choose(3, {"stable": 3})
        self.fast_paths = frozenset(path.decode() for path in routes.fast_paths)
        meter = LoadMeter(self.front.loop.call_soon, lambda: self.in_flight, self.front.loop.time)
        self.front.route = spec.url_path
        on_fast_path = self.way == "fast path"
        self.front.fast_path.open(
            routes.fast_paths if on_fast_path else {},
            meter,
            body_limit=spec.limits.body,
            path_prefix=routes.path_prefix,
            streams=routes.streams(meter.arrived, self._others) if on_fast_path else {},
            websocket_app=routes.websocket_app if on_fast_path else None,
        )
        self.front.app = AsgiApp(
            routes.respond,
            self.front.fast_path.body_budget,
            path_prefix=routes.path_prefix,
            websocket_app=routes.websocket_app,
        )

    def configure(self, **keys: Any) -> None:
        """Apply other limits or batching while the server runs, as `ModelReplica.reconfigure` does."""
        spec = ModelSpec.model_validate({"name": "doubler", **keys})

        def apply() -> None:
            self.version.configure(spec.limits, spec.batching)
            self.routes.configure(spec)
            self.routes.choose(3, {"stable": 3})
            fast_path = self.front.fast_path
            fast_path.body_budget.set_limit(spec.limits.body)
            if self.way == "fast path":
                fast_path.endpoints, fast_path.websocket_app = self.routes.fast_paths, self.routes.websocket_app
                fast_path.streams = self.routes.streams(fast_path.arrived, self._others)

        self.front.on_loop(apply)

    @property
    def in_flight(self) -> int:
        return self.version.scheduler.in_flight

    @property
    def by_fast_path(self) -> bool:
        """Whether all requests so far took the fast path."""
        return self.front.reached_app == self._asgi_before

    def connect(self) -> Client:
        return Client(self.front.port)

    def ask(self, *pieces: bytes) -> Answer:
        """The answer to one request on a connection of its own."""
        with self.connect() as client:
            return client.ask(*pieces)

    def close(self) -> None:
        """Leave nothing behind: no request, and not the thread that the model may have run in."""
        self.model.release()
        for end in (self.version.scheduler.close, self.version.decoder.close):
            if self.front.running:
                self.front.on_loop(end)
            else:
                end()
