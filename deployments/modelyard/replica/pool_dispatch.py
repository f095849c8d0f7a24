"""All paths of a pool's replica: finds the model of a request, in every protocol, and waits where it is not loaded."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import cast

from modelyard.config.model_spec import ModelSpec
from modelyard.edge.http_frontend import WAKE_PREFIX
from modelyard.errors import ModelNotFound, ModelNotReady
from modelyard.http.asgi import (
    HttpStream,
    Receive,
    Scope,
    Send,
    logged_error_response,
    reject_unknown_websocket,
    reject_websocket,
)
from modelyard.http.body_budget import SMALL_BYTES
from modelyard.http.endpoint import Endpoint, Response, StreamEndpoint
from modelyard.http.fast_path import FastPath, Meter
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest, RequestIds
from modelyard.protocols.awaiting import await_response
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.stream_endpoint import METHOD as STREAM_INFER
from modelyard.protocols.grpc.stream_endpoint import InferOther
from modelyard.protocols.grpc.unary import UnaryResponse
from modelyard.protocols.unknown_model import TRITON_UNKNOWN_MODEL, UNKNOWN_MODEL, unknown_model, unknown_path
from modelyard.protocols.versions import VersionNames
from modelyard.replica.cold_readiness import readiness
from modelyard.replica.dispatch import Dispatch, waiting_paths
from modelyard.replica.pool_grpc import NAME_OF, PoolMethod, pool_stream
from modelyard.replica.pooled_model import Load, PooledModel
from modelyard.replica.waiting_endpoint import WaitingEndpoint

NAMED_PATHS = {"/v1/models/": UNKNOWN_MODEL, "/v2/models/": TRITON_UNKNOWN_MODEL}
"""Paths that go on with a model's name, and the text of the error for an unknown one."""


class PoolDispatch:
    """The models of a pool by name, each loaded or not. They may change at any time, with requests open.

    A request that a model has begun ends there. Every other request, and the next message on a WebSocket or in a gRPC stream, goes
    to what serves the model then. The tables change in place, by the paths of the model that changes.
    """

    def __init__(self, route: str, load: Load, *, others: InferOther) -> None:
        """`route` is that of the pool's application. `load` loads a model that a request needs and that is not loaded; it is
        called for each such request, and cancelled when the client leaves or its time is over. `others` calls models elsewhere.
        """
        self._load = load
        self._others = others
        self._models: dict[str, PooledModel] = {}
        self._routes: dict[str, PooledModel] = {}
        self._max_segments = 0
        self._meter: Meter | None = None
        self._limits: Counter[int] = Counter()
        self._fast_path: FastPath | None = None
        self._ids = RequestIds()
        self.not_ready: Callable[[str], ModelNotReady | None] = lambda name: None
        """Why a request to a model that is not loaded would get an error; None if it would load the model."""
        self._methods = [PoolMethod(self, name) for name in NAME_OF]
        self.path_prefix = f"{route}{WAKE_PREFIX}"
        """Precedes all paths on the slow path, where only the route of the application leads to this replica."""
        self.body_limit = 0
        """The largest body that a model accepts, in bytes."""
        self.unchecked_bytes = 0
        """Bodies up to this size are within the limit of every model."""
        self.fast_paths: dict[bytes, Endpoint] = {method.path: method for method in self._methods}
        """The endpoints of the fast path, by their exact paths. Always the same dict."""
        self.streams: dict[bytes, StreamEndpoint] = {}
        """The paths whose request and response are streams. Always the same dict."""
        self._limit_bodies()

    def open(self, fast_path: FastPath, meter: Meter) -> None:
        """Answer requests on the fast path, from now on and after every change."""
        self._fast_path, self._meter = fast_path, meter
        fast_path.open(
            self.fast_paths,
            meter,
            body_limit=self.body_limit,
            path_prefix=self.path_prefix,
            edge_prefix=f"{self.path_prefix}/".encode(),
            prefixed_paths=("/",),
            streams=self.streams,
            websocket_app=self.websocket_app,
        )
        fast_path.body_budget.limit_at = self.body_limit_at
        self._limit_bodies()

    # Changes

    def set_loaded(self, dispatch: Dispatch) -> None:
        """Let this answer the requests to its model from now on, in place of another or of none.

        Call it also when `dispatch` has been configured, or when its default version or its labels have changed.
        """
        model = self._add(dispatch.spec)
        if model.dispatch is not dispatch:
            self._retire(model)
            dispatch.resume()
            model.dispatch = dispatch
        self._set_paths(model, dispatch.http_endpoints)
        name = dispatch.spec.name.encode()
        for method in self._methods:
            method.endpoints[name] = dispatch.grpc_endpoints[method.path]
        self._limit_bodies()

    def set_waiting(self, spec: ModelSpec, names: VersionNames) -> None:
        """Let requests to this model wait until it is loaded: it is known, but it is not loaded, or not any more."""
        model = self._add(spec)
        model.names = names
        self._retire(model)
        self._set_paths(model, {path: WaitingEndpoint(model, path) for path in waiting_paths(spec, names)})
        self._limit_bodies()

    def remove(self, name: str) -> None:
        """Forget a model, loaded or not. Raises KeyError."""
        model = self._models.pop(name)
        self._retire(model)
        self._set_paths(model, {})
        self._forget_spec(model)
        self._limit_bodies()

    # The models

    def get(self, name: str) -> PooledModel | None:
        """The model of this name; None if the pool has none."""
        return self._models.get(name)

    def named(self, name: str) -> PooledModel:
        """The model of this name. Raises ModelNotFound, as the gateway does for an unknown one."""
        model = self._models.get(name)
        if model is None:
            raise unknown_model(name, self._models, TRITON_UNKNOWN_MODEL)
        return model

    def __iter__(self) -> Iterator[PooledModel]:
        return iter(self._models.values())

    def at(self, path: str) -> PooledModel:
        """The model at or above a path. Raises ModelNotFound, as the gateway does for a path without a model."""
        root = path[:11]
        if root in NAMED_PATHS:
            name = path[11:].partition("/")[0]
            if root == "/v1/models/":
                name = name.partition(":")[0]
            if (model := self._models.get(name)) is not None:
                return model
            raise unknown_model(name, self._models, NAMED_PATHS[root]) if name else self._no_model_at(path)
        # One route is never below another. Only so many segments are joined: a client may send thousands.
        segments = path.split("/", self._max_segments + 1)
        for end in range(2, min(len(segments), self._max_segments + 1) + 1):
            if (model := self._routes.get("/".join(segments[:end]))) is not None:
                return model
        raise self._no_model_at(path)

    @property
    def grpc_paths(self) -> list[bytes]:
        """The paths of all gRPC methods."""
        return [*(method.path for method in self._methods), STREAM_INFER.path]

    @property
    def waiting(self) -> int:
        """Requests that wait until their models are loaded."""
        return sum(model.waiting for model in self)

    def body_limit_at(self, path: str) -> int | None:
        """The limit for bodies of the model at a path, in bytes; None where there is no model."""
        try:
            return self.at(self._without_prefix(path)).spec.limits.body
        except ModelNotFound:
            return None

    # Requests

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """The response to a request on the slow path. Raises its error."""
        model = self.at(request.path)
        own_prefix = f"{model.spec.url_path}{WAKE_PREFIX}/"
        if request.path.startswith(own_prefix):
            request.path = request.path[len(own_prefix) - 1 :]
            model = self.at(request.path)
        if model.dispatch is not None:
            return await model.dispatch.respond(request)
        if model.names is not None and (ready := readiness(request, model.spec, model.names)) is not None:
            if (error := self.not_ready(model.spec.name)) is not None:
                raise error
            return ready

        async def respond() -> HttpResponse | HttpStream:
            return await (await model.loaded()).respond(request)

        return await model.in_time(respond())

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes:
        """The response to a gRPC message that HAProxy did not route. Raises its error."""
        endpoint = self.fast_paths[path]
        response: Response = await await_response(
            lambda reply: endpoint.start(frame(message), b"", (), reply, request_id)
        )
        return cast(UnaryResponse, response).message

    async def websocket_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application for WebSockets."""
        path = scope["path"] = self._without_prefix(scope["path"])
        try:
            model = self.at(path)
        except ModelNotFound:
            await receive()  # websocket.connect, always the first
            await reject_unknown_websocket(scope, receive, send)
            return
        try:
            dispatch = model.dispatch or await model.loaded_in_time()
        except Exception as error:  # noqa: BLE001 - every error becomes a response
            await receive()
            await reject_websocket(logged_error_response(error, self._ids.choose(b""), path), scope, send)
            return
        await dispatch.websocket_app(scope, receive, send)

    # Tables

    def _add(self, spec: ModelSpec) -> PooledModel:
        model = self._models.get(spec.name)
        if model is None:
            model = self._models[spec.name] = PooledModel(spec, self._load)
        else:
            self._forget_spec(model)
            model.spec = spec
        self._routes[spec.url_path] = model
        self._limits[spec.limits.body] += 1
        self._max_segments = max(self._max_segments, spec.url_path.count("/"))
        return model

    def _forget_spec(self, model: PooledModel) -> None:
        limit = model.spec.limits.body
        self._limits[limit] -= 1
        if not self._limits[limit]:
            del self._limits[limit]
        if self._routes.get(model.spec.url_path) is model:  # else another model has its route since
            del self._routes[model.spec.url_path]

    def _set_paths(self, model: PooledModel, paths: dict[bytes, Endpoint]) -> None:
        """Replace the paths of a model on the fast path. Those of others stay, even if another model has one of them since."""
        table = self.fast_paths
        for path, endpoint in model.paths.items():
            if path not in paths and table.get(path) is endpoint:
                del table[path]
        table.update(paths)
        model.paths = paths

    def _retire(self, model: PooledModel) -> None:
        """Let nothing begin on what serves a model now."""
        if model.dispatch is None:
            return
        name = model.spec.name

        async def successor() -> Dispatch:
            return await self.named(name).loaded_in_time()

        model.dispatch.retire(successor)
        model.dispatch = None
        for method in self._methods:
            method.endpoints.pop(name.encode(), None)

    def _limit_bodies(self) -> None:
        largest, smallest = max(self._limits, default=0), min(self._limits, default=0)
        if self._fast_path is not None:
            self._fast_path.body_budget.set_limit(largest, smallest)
        if largest != self.body_limit or not self.streams:
            self.body_limit = largest
            self.streams[STREAM_INFER.path] = pool_stream(self, self._count_arrival, self._others)
        self.unchecked_bytes = min(smallest, SMALL_BYTES)

    def _count_arrival(self) -> None:
        if self._meter is not None:
            self._meter.arrived()

    def _without_prefix(self, path: str) -> str:
        prefix = f"{self.path_prefix}/"
        return path[len(prefix) - 1 :] if path.startswith(prefix) else path

    def _no_model_at(self, path: str) -> ModelNotFound:
        path = path.rstrip("/") or "/"
        if path == "/v2" or path.startswith("/v2/"):
            return ModelNotFound(f"there is no path {path!r}")
        return unknown_path(path, self._models, lambda name: self._models[name].spec.url_path)
