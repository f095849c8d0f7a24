"""All gRPC methods that the gateway answers, by their paths."""

from typing import Any

from modelyard.gateway.catalogue import Look
from modelyard.gateway.grpc.forwarding import AskModel, GrpcModels
from modelyard.gateway.grpc.health import GrpcHealth
from modelyard.gateway.grpc.server_methods import GrpcServer
from modelyard.gateway.statistics import Statistics
from modelyard.http.endpoint import Endpoint, StreamEndpoint
from modelyard.protocols.grpc.reflection import METHOD, V1ALPHA_METHOD, reflection_response
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint, StreamRequest


class GrpcRoutes:
    """What the lane of the gateway's process is to answer."""

    def __init__(self, look: Look, statistics: Statistics, ask: AskModel, *, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._server = GrpcServer(look, statistics, limit_bytes=limit_bytes)
        self.models = GrpcModels(look, ask, limit_bytes=limit_bytes)
        self._health = GrpcHealth(look, limit_bytes=limit_bytes)

    def hot(self) -> dict[bytes, Endpoint]:
        """Methods of one message and one answer."""
        return {**self._server.endpoints(), **self.models.endpoints(), **self._health.endpoints()}

    def streams(self) -> dict[bytes, StreamEndpoint]:
        """The others."""
        reflection = {
            method.path: GrpcStreamEndpoint(method, _reflect, limit_bytes=self._limit_bytes)
            for method in (METHOD, V1ALPHA_METHOD)
        }
        return {**self.models.streams(), **self._health.streams(), **reflection}


def _reflect(message: Any, question: StreamRequest) -> None:
    question.send(reflection_response(message))
    question.finish()
