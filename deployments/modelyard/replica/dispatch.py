"""All paths of a model in its replica, in every protocol."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from modelyard.config.model_spec import ModelSpec
from modelyard.edge.http_frontend import WAKE_PREFIX
from modelyard.http.asgi import Asgi, HttpStream
from modelyard.http.endpoint import Endpoint, Response, StreamEndpoint
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.awaiting import await_response
from modelyard.protocols.grpc.endpoint import GrpcInferEndpoint
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.routes import GrpcRoutes
from modelyard.protocols.grpc.stream_endpoint import InferOther
from modelyard.protocols.grpc.unary import UnaryResponse
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import ServedModel
from modelyard.protocols.table import TABLE
from modelyard.protocols.versions import VersionNames, Versions
from modelyard.protocols.websocket.routes import WebSocketRoutes
from modelyard.tensors import Signature


class Dispatch:
    """Finds the protocol of a path."""

    def __init__(self, spec: ModelSpec, runtime: str, versions: Mapping[int, RunningVersion]) -> None:
        self._versions = Versions(spec.name, versions)
        self._model = ServedModel(spec, runtime, self._versions)
        self._routes = {row: row.routes(self._model) for row in TABLE}
        self._grpc = next(routes for routes in self._routes.values() if isinstance(routes, GrpcRoutes))
        self.websocket_app: Asgi = WebSocketRoutes(self._model)
        """The ASGI application for WebSockets."""
        self._responding = 0
        self._find_endpoints()
        self.path_prefix = f"{spec.url_path}{WAKE_PREFIX}"
        """Precedes the paths of other protocols on the slow path, where only the model's own route leads to this replica."""

    def choose(self, default: int, labels: Mapping[str, int]) -> None:
        """Set the default version and the labels; the endpoints are other dicts afterwards.

        Open requests stay with the version that they have.
        """
        self._versions.choose(default, labels)
        self._find_endpoints()

    def configure(self, spec: ModelSpec) -> None:
        """Apply the description, limits and batching of this spec, from the next request on; call `choose` behind it."""
        self._model.spec = spec

    def retire(self, successor: Callable[[], Awaitable["Dispatch"]]) -> None:
        """Let open WebSockets continue with what `successor` returns, from their next message on.

        `successor` raises why nothing serves the model instead: the error is then the response to that message. ModelNotFound
        closes the WebSocket: the client connects again, and so reaches the place to which the model has moved.
        """

        async def model() -> ServedModel:
            return (await successor())._model

        self._model.successor = model

    def resume(self) -> None:
        """Undo `retire`."""
        self._model.successor = None

    def release(self) -> None:
        """Forget the model's versions. Nothing may be dispatched afterwards."""
        self._versions.release()
        self._routes.clear()
        self.http_endpoints.clear()
        self.grpc_endpoints.clear()

    @property
    def spec(self) -> ModelSpec:
        """As last configured."""
        return self._model.spec

    @property
    def names(self) -> VersionNames:
        """Of the versions that are served."""
        return self._versions.names

    @property
    def fast_paths(self) -> dict[bytes, Endpoint]:
        """The endpoints of the fast path, by their exact paths."""
        return {**self.http_endpoints, **self.grpc_endpoints}

    @property
    def open_requests(self) -> int:
        """Requests that have begun on the slow path, and gRPC calls that do not infer."""
        return self._responding + self._grpc.open_requests

    @property
    def infer(self) -> GrpcInferEndpoint:
        """The endpoint of ModelInfer, for the messages of streams."""
        return self._grpc.infer

    @property
    def signature(self) -> Signature:
        """The default version's."""
        return self._versions.default.loaded.model.signature

    def streams(self, arrived: Callable[[], None], others: InferOther) -> dict[bytes, StreamEndpoint]:
        """The paths whose request and response are streams; `arrived` is called for each request in one."""
        return self._grpc.streams(arrived, others)

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes:
        """The response to a gRPC message that HAProxy did not route. Raises its error."""
        endpoint = self.grpc_endpoints[path]
        response: Response = await await_response(
            lambda reply: endpoint.start(frame(message), b"", (), reply, request_id)
        )
        return cast(UnaryResponse, response).message

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """The response to a request on the slow path. Raises its error."""
        routes = next(routes for row, routes in self._routes.items() if request.path.startswith(row.prefix))
        self._responding += 1
        try:
            return await routes.respond(request)
        finally:
            self._responding -= 1

    def _find_endpoints(self) -> None:
        grpc = self._grpc
        by_protocol = [routes.endpoints() for routes in self._routes.values() if routes is not grpc]
        self.http_endpoints: dict[bytes, Endpoint] = {
            path: each for endpoints in by_protocol for path, each in endpoints.items()
        }
        """By exact path. The paths are this model's alone."""
        self.grpc_endpoints = grpc.endpoints()
        """By the path of the method. The paths are those of every model."""


def waiting_paths(spec: ModelSpec, names: VersionNames) -> list[bytes]:
    """The paths of `Dispatch.http_endpoints` of a model that is not loaded."""
    return [path for row in TABLE for path in row.routes.paths(spec, names)]
