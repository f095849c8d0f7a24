"""Calls on models that no replica got from HAProxy: compressed, written in an unusual order, or for a model without a replica.

They go on to a replica by Ray Serve's own way, which is slow, but wakes a model that is scaled to zero.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.json_format import ParseDict

from deployments.gateway.absent import find, not_ready
from deployments.gateway.catalogue import Look
from deployments.gateway.grpc_server import GrpcServer
from deployments.lane.endpoint import Begun
from deployments.lane.grpc import Unary, note
from deployments.lane.grpc_stream import Question, StreamEndpoint
from deployments.protocols.grpc.messages import INFERENCE, Method, ModelStreamInferResponse, methods
from deployments.protocols.grpc.status import status_of

AskReplica = Callable[[str, bytes, bytes, str], Awaitable[bytes]]
"""A message from a replica of this model, for the call with this path, message and request id. Raises the replica's error."""
OF_A_MODEL = ("ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics", "ModelInfer")


class GrpcModels:
    """Passes calls on."""

    def __init__(self, look: Look, ask: AskReplica, server: GrpcServer, *, limit_bytes: int) -> None:
        self._look = look
        self._ask = ask
        self._server = server
        self._limit_bytes = limit_bytes
        self._methods = methods(INFERENCE)

    def endpoints(self) -> dict[bytes, Unary]:
        """By the path of each method."""
        return {self._methods[name].path: self._endpoint(self._methods[name]) for name in OF_A_MODEL}

    def streams(self) -> dict[bytes, StreamEndpoint]:
        """The same of the one that streams."""
        method = self._methods["ModelStreamInfer"]
        return {method.path: StreamEndpoint(method, self._begin, limit_bytes=self._limit_bytes)}

    def _endpoint(self, method: Method) -> Unary:
        async def answered(message: Any, request_id: str) -> bytes:
            return await self._pass_on(method, message, request_id)

        return Unary(method, answered, limit_bytes=self._limit_bytes)

    async def _pass_on(self, method: Method, message: Any, request_id: str) -> bytes:
        infer = method is self._methods["ModelInfer"]
        name = message.model_name if infer else message.name
        if not name and method is self._methods["ModelStatistics"]:
            everything: bytes = ParseDict(await self._server.statistics(), method.response()).SerializeToString()
            return everything
        entry = find(name, await self._look())
        if entry.state != "READY":
            if method is self._methods["ModelReady"]:
                return b""  # ready: false
            raise not_ready(entry)
        return await self._ask(name, method.path, message.SerializeToString(), request_id)

    def _begin(self, message: Any, question: Question) -> Begun:
        """One message of a stream. Here they may be for different models."""
        return asyncio.get_running_loop().create_task(self._answer(message, question))

    async def _answer(self, message: Any, question: Question) -> None:
        try:
            infer = self._methods["ModelInfer"]
            told = infer.response.FromString(await self._pass_on(infer, message, question.request_id))
        except Exception as error:  # noqa: BLE001 - a request that fails leaves its stream open
            note(error, question.request_id)
            question.tell(
                ModelStreamInferResponse(error_message=status_of(error)[1], infer_response={"id": message.id})
            )
        else:
            question.tell(ModelStreamInferResponse(infer_response=told))
        question.finish()
