"""The gateway's gRPC methods by path."""

from typing import Any

from modelyard.gateway.catalogue import GetEntries
from modelyard.gateway.grpc.forwarding import CallModel, GrpcForwarder
from modelyard.gateway.grpc.health import GrpcHealth
from modelyard.gateway.grpc.server_methods import GrpcServerMethods
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.gateway.repository_api import RepositoryApi
from modelyard.http.endpoint import Endpoint, StreamEndpoint
from modelyard.protocols.grpc.reflection import METHOD, V1ALPHA_METHOD, reflection_response
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint, StreamRequest


class GrpcRoutes:
    """All gRPC endpoints of the gateway's fast path."""

    def __init__(
        self,
        get_entries: GetEntries,
        statistics: ModelStatistics,
        call_model: CallModel,
        repository: RepositoryApi,
        *,
        limit_bytes: int,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._server = GrpcServerMethods(get_entries, statistics, repository, limit_bytes=limit_bytes)
        self.forwarder = GrpcForwarder(get_entries, call_model, limit_bytes=limit_bytes)
        self._health = GrpcHealth(get_entries, limit_bytes=limit_bytes)

    def endpoints(self) -> dict[bytes, Endpoint]:
        """UnaryEndpoint methods."""
        return {**self._server.endpoints(), **self.forwarder.endpoints(), **self._health.endpoints()}

    def streams(self) -> dict[bytes, StreamEndpoint]:
        """Streaming methods."""
        reflection = {
            method.path: GrpcStreamEndpoint(method, _reflect, limit_bytes=self._limit_bytes)
            for method in (METHOD, V1ALPHA_METHOD)
        }
        return {**self.forwarder.streams(), **self._health.streams(), **reflection}


def _reflect(message: Any, question: StreamRequest) -> None:
    question.send(reflection_response(message))
    question.finish()
