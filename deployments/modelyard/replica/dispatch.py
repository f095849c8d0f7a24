"""All paths that a replica answers, whichever protocol they belong to."""

import asyncio
from collections.abc import Callable, Mapping
from typing import cast

from modelyard.config.model_spec import ModelSpec
from modelyard.edge.frontends import WAKE_PREFIX
from modelyard.http.asgi import Asgi, HttpStream
from modelyard.http.endpoint import Endpoint, StreamEndpoint
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.grpc import endpoint, stream_endpoint
from modelyard.protocols.grpc.endpoint import GrpcInferEndpoint
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.model_methods import GrpcModel
from modelyard.protocols.grpc.stream_endpoint import AskOthers, stream_infer
from modelyard.protocols.grpc.unary import UnaryResponse
from modelyard.protocols.oip.routes import OipRoutes
from modelyard.protocols.predict.routes import ModelRoutes
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.tensorflow.routes import TensorflowRoutes
from modelyard.protocols.versions import Versions
from modelyard.protocols.waiting import await_response
from modelyard.protocols.websocket.routes import WebSocketRoutes
from modelyard.tensors import Signature


class Dispatch:
    """Knows which routes a path is one of."""

    def __init__(
        self,
        spec: ModelSpec,
        runtime: str,
        versions: Mapping[int, RunningVersion],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._runtime = runtime
        self._versions = Versions(spec.name, versions)
        self._grpc_infer = GrpcInferEndpoint(spec, self._versions, loop)
        self.configure(spec)
        self.mount = f"{spec.url_path}{WAKE_PREFIX}"
        """What stands before the paths of other protocols where only the model's own route leads here."""

    def configure(self, spec: ModelSpec) -> None:
        """Apply the limits and batching of this spec to the requests that come from now on; `choose` makes `hot` again.

        gRPC streams that are open stay with their endpoint, which has the versions and limits of each message.
        """
        own = self._versions
        self.model = ModelRoutes(spec, self._runtime, own)
        self.oip = OipRoutes(spec, self._runtime, own)
        self._grpc_infer.configure(spec.limits)
        self._grpc_model = GrpcModel(spec, self._runtime, own)
        self._tensorflow = TensorflowRoutes(spec, own)
        self.sockets: Asgi = WebSocketRoutes(spec, own)
        """Answers WebSockets."""
        self.hot = self._hot()
        """The exact paths that the fast path answers, and what answers there."""

    def choose(self, default: int, labels: Mapping[str, int]) -> None:
        """Name the version that answers where a request names none, and labels; `hot` is another one then.

        Requests that are under way stay with the version that they have.
        """
        self._versions.choose(default, labels)
        self._grpc_infer.forget()
        self.hot = self._hot()

    @property
    def signature(self) -> Signature:
        """The default version's."""
        return self._versions.default.loaded.model.signature

    def _hot(self) -> dict[bytes, Endpoint]:
        grpc = {**self._grpc_model.endpoints(), endpoint.METHOD.path: self._grpc_infer}
        return {**self.model.hot(), **self.oip.hot(), **self._tensorflow.hot(), **grpc}

    def streams(self, arrived: Callable[[], None], others: AskOthers) -> dict[bytes, StreamEndpoint]:
        """The same of those where request and answer are streamed; `arrived` is told of each request in one."""
        return {stream_endpoint.METHOD.path: stream_infer(self._grpc_infer, arrived, others)}

    async def grpc(self, path: bytes, message: bytes, request_id: str) -> bytes:
        """The answer to a gRPC message that did not come by the lane. Raises its error."""
        endpoint = self.hot[path]
        made = await await_response(lambda reply: endpoint.start(frame(message), b"", (), reply, request_id))
        return cast(UnaryResponse, made).message

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Any request of this replica."""
        if request.path.startswith("/v2/"):
            return await self.oip.respond(request)
        if request.path.startswith("/v1/"):
            return await self._tensorflow.respond(request)
        return await self.model.respond(request)
