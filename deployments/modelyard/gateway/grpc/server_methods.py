"""The methods of the inference protocol over gRPC that are the whole server's."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from modelyard.errors import ModelNotFound, NotSupported
from modelyard.gateway.catalogue import Look, waiting_for
from modelyard.gateway.repository_api import check_load, no_unload
from modelyard.gateway.statistics import Statistics
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.unary import UnaryEndpoint
from modelyard.protocols.oip.server_metadata import repository_index, server_metadata

Answer = Callable[[Any], Awaitable[Mapping[str, Any]]]
"""From a request to its response, as JSON has it."""


class GrpcServer:
    """Answers from the catalogue."""

    def __init__(self, look: Look, statistics: Statistics, *, limit_bytes: int) -> None:
        self._look = look
        self._statistics = statistics
        self._limit_bytes = limit_bytes

    def endpoints(self) -> dict[bytes, UnaryEndpoint]:
        """By the path of each method."""
        answers: Mapping[str, Answer] = {
            "ServerLive": _live,
            "ServerReady": self._ready,
            "ServerMetadata": _metadata,
            "ModelStatistics": self._model_statistics,
            "RepositoryIndex": self._index,
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
            "SystemSharedMemoryStatus": _no_regions,
            "SystemSharedMemoryRegister": _no_shared_memory,
            "SystemSharedMemoryUnregister": _nothing,
            "CudaSharedMemoryStatus": _no_regions,
            "CudaSharedMemoryRegister": _no_shared_memory,
            "CudaSharedMemoryUnregister": _nothing,
            "TraceSetting": _no_tracing,
            "LogSettings": _no_logging,
        }
        return {methods(INFERENCE)[name].path: self._endpoint(name, answer) for name, answer in answers.items()}

    def _endpoint(self, name: str, answer: Answer) -> UnaryEndpoint:
        method = methods(INFERENCE)[name]

        async def answered(message: Any, request_id: str) -> bytes:
            told: bytes = ParseDict(dict(await answer(message)), method.response()).SerializeToString()
            return told

        return UnaryEndpoint(method, answered, limit_bytes=self._limit_bytes)

    async def _ready(self, message: Any) -> Mapping[str, Any]:
        return {"ready": not waiting_for(await self._look())}

    async def _index(self, message: Any) -> Mapping[str, Any]:
        entries = await self._look()
        return {"models": repository_index(entries.values(), ready_only=message.ready)}

    async def _model_statistics(self, message: Any) -> Mapping[str, Any]:
        entries = await self._look()
        if not message.name:
            return await self._statistics.of_all(entries)
        return await self._statistics.of_one(message.name, message.version, entries)

    async def _load(self, message: Any) -> Mapping[str, Any]:
        check_load(message.model_name, bool(message.parameters), await self._look())
        return {}

    async def _unload(self, message: Any) -> Mapping[str, Any]:
        raise no_unload(message.model_name, await self._look())


async def _live(message: Any) -> Mapping[str, Any]:
    return {"live": True}


async def _metadata(message: Any) -> Mapping[str, Any]:
    return server_metadata()


async def _no_regions(message: Any) -> Mapping[str, Any]:
    if message.name:
        raise ModelNotFound("there is no shared memory region: the server does not support shared memory")
    return {}


async def _nothing(message: Any) -> Mapping[str, Any]:
    """No region is registered, so every one is gone; Triton's examples begin with this."""
    return {}


async def _no_shared_memory(message: Any) -> Mapping[str, Any]:
    raise NotSupported("the server does not support shared memory; send tensors in the request")


async def _no_tracing(message: Any) -> Mapping[str, Any]:
    raise NotSupported("the server does not support tracing")


async def _no_logging(message: Any) -> Mapping[str, Any]:
    raise NotSupported("the server does not tell or change by its protocols what it logs")
