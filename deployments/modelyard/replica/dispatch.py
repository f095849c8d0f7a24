"""All paths of a model in its replica, in every protocol."""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from modelyard.config.model_spec import ModelSpec
from modelyard.edge.http_frontend import WAKE_PREFIX
from modelyard.http.asgi import Asgi, HttpStream
from modelyard.http.endpoint import Endpoint, Response, StreamEndpoint
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.awaiting import await_response
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.routes import GrpcRoutes
from modelyard.protocols.grpc.stream_endpoint import InferOther
from modelyard.protocols.grpc.unary import UnaryResponse
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import Routes, ServedModel
from modelyard.protocols.table import TABLE
from modelyard.protocols.versions import Versions
from modelyard.protocols.websocket.routes import WebSocketRoutes
from modelyard.tensors import Signature

RoutesT = TypeVar("RoutesT", bound=Routes)


class Dispatch:
    """Finds the protocol of a path."""

    def __init__(self, spec: ModelSpec, runtime: str, versions: Mapping[int, RunningVersion]) -> None:
        self._versions = Versions(spec.name, versions)
        self._model = ServedModel(spec, runtime, self._versions)
        self._routes = {row: row.routes(self._model) for row in TABLE}
        self.websocket_app: Asgi = WebSocketRoutes(self._model)
        """The ASGI application for WebSockets."""
        self.fast_paths = self._fast_paths()
        """The endpoints of the fast path, by their exact paths."""
        self.path_prefix = f"{spec.url_path}{WAKE_PREFIX}"
        """Precedes the paths of other protocols on the slow path, where only the model's own route leads to this replica."""

    def choose(self, default: int, labels: Mapping[str, int]) -> None:
        """Set the default version and the labels; `fast_paths` is another dict afterwards.

        Open requests stay with the version that they have.
        """
        self._versions.choose(default, labels)
        self.fast_paths = self._fast_paths()

    def configure(self, spec: ModelSpec) -> None:
        """Apply the description, limits and batching of this spec, from the next request on; call `choose` behind it."""
        self._model.spec = spec

    @property
    def signature(self) -> Signature:
        """The default version's."""
        return self._versions.default.loaded.model.signature

    def streams(self, arrived: Callable[[], None], others: InferOther) -> dict[bytes, StreamEndpoint]:
        """The paths whose request and response are streams; `arrived` is called for each request in one."""
        return self._of(GrpcRoutes).streams(arrived, others)

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes:
        """The response to a gRPC message that HAProxy did not route. Raises its error."""
        endpoint = self.fast_paths[path]
        response: Response = await await_response(
            lambda reply: endpoint.start(frame(message), b"", (), reply, request_id)
        )
        return cast(UnaryResponse, response).message

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """The response to a request on the slow path. Raises its error."""
        routes = next(routes for row, routes in self._routes.items() if request.path.startswith(row.prefix))
        return await routes.respond(request)

    def _fast_paths(self) -> dict[bytes, Endpoint]:
        return {path: each for routes in self._routes.values() for path, each in routes.endpoints().items()}

    def _of(self, kind: type[RoutesT]) -> RoutesT:
        return next(routes for routes in self._routes.values() if isinstance(routes, kind))
