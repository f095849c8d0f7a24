"""The gRPC methods of the inference protocol that are about the whole server."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from modelyard.errors import ModelNotFound, NotSupported
from modelyard.gateway.catalogue import GetEntries, required_not_ready
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.gateway.repository_api import RepositoryApi
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.unary import UnaryEndpoint
from modelyard.protocols.oip.server_metadata import repository_index, server_metadata

Handler = Callable[[Any], Awaitable[Mapping[str, Any]]]
"""Returns the JSON form of the response to a request."""


class GrpcServerMethods:
    """All of them are unary."""

    def __init__(
        self, get_entries: GetEntries, statistics: ModelStatistics, repository: RepositoryApi, *, limit_bytes: int
    ) -> None:
        self._get_entries = get_entries
        self._repository = repository
        self._statistics = statistics
        self._limit_bytes = limit_bytes

    def endpoints(self) -> dict[bytes, UnaryEndpoint]:
        """The methods by path."""
        handlers: Mapping[str, Handler] = {
            "ServerLive": _live,
            "ServerReady": self._ready,
            "ServerMetadata": _metadata,
            "ModelStatistics": self._model_statistics,
            "RepositoryIndex": self._index,
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
            "SystemSharedMemoryStatus": _no_regions,
            "SystemSharedMemoryRegister": _no_shared_memory,
            "SystemSharedMemoryUnregister": _empty,
            "CudaSharedMemoryStatus": _no_regions,
            "CudaSharedMemoryRegister": _no_shared_memory,
            "CudaSharedMemoryUnregister": _empty,
            "TraceSetting": _no_tracing,
            "LogSettings": _no_logging,
        }
        return {methods(INFERENCE)[name].path: self._endpoint(name, handler) for name, handler in handlers.items()}

    def _endpoint(self, name: str, handler: Handler) -> UnaryEndpoint:
        method = methods(INFERENCE)[name]

        async def respond(message: Any, request_id: str) -> bytes:
            response: bytes = ParseDict(dict(await handler(message)), method.response()).SerializeToString()
            return response

        return UnaryEndpoint(method, respond, limit_bytes=self._limit_bytes)

    async def _ready(self, message: Any) -> Mapping[str, Any]:
        return {"ready": not required_not_ready(await self._get_entries())}

    async def _index(self, message: Any) -> Mapping[str, Any]:
        entries = await self._get_entries()
        return {"models": repository_index(entries.values(), ready_only=message.ready)}

    async def _model_statistics(self, message: Any) -> Mapping[str, Any]:
        entries = await self._get_entries()
        if not message.name:
            return await self._statistics.of_all(entries)
        return await self._statistics.of_one(message.name, message.version, entries)

    async def _load(self, message: Any) -> Mapping[str, Any]:
        await self._repository.load(message.model_name, has_parameters=bool(message.parameters))
        return {}

    async def _unload(self, message: Any) -> Mapping[str, Any]:
        await self._repository.unload(message.model_name)
        return {}


async def _live(message: Any) -> Mapping[str, Any]:
    return {"live": True}


async def _metadata(message: Any) -> Mapping[str, Any]:
    return server_metadata()


async def _no_regions(message: Any) -> Mapping[str, Any]:
    if message.name:
        raise ModelNotFound("there is no shared memory region: the server does not support shared memory")
    return {}


async def _empty(message: Any) -> Mapping[str, Any]:
    """Unregistering succeeds, because no region is registered. Triton's examples start with it."""
    return {}


async def _no_shared_memory(message: Any) -> Mapping[str, Any]:
    raise NotSupported("the server does not support shared memory; send tensors in the request")


async def _no_tracing(message: Any) -> Mapping[str, Any]:
    raise NotSupported("the server does not support tracing")


async def _no_logging(message: Any) -> Mapping[str, Any]:
    raise NotSupported("the server does not support log settings")
