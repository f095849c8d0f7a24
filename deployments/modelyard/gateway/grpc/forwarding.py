"""Calls on models that no replica got from HAProxy: compressed, written in an unusual order, or for a model without a replica.

They go on to a replica by Ray Serve's own way, which is slow, but wakes a model that is scaled to zero.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from modelyard.gateway.catalogue import Look
from modelyard.gateway.model_errors import find, not_ready
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.messages import INFERENCE, Method, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint, StreamRequest
from modelyard.protocols.grpc.stream_responses import INFER, forward_message
from modelyard.protocols.grpc.unary import UnaryEndpoint

AskModel = Callable[[str, bytes, bytes, str], Awaitable[bytes]]
"""A message from a replica of this model, for the call with this path, message and request id. Raises the replica's error."""
OF_A_MODEL = ("ModelReady", "ModelMetadata", "ModelConfig", "ModelInfer")


class GrpcModels:
    """Passes calls on."""

    def __init__(self, look: Look, ask: AskModel, *, limit_bytes: int) -> None:
        self._look = look
        self._ask = ask
        self._limit_bytes = limit_bytes
        self._methods = methods(INFERENCE)

    def endpoints(self) -> dict[bytes, UnaryEndpoint]:
        """By the path of each method."""
        return {self._methods[name].path: self._endpoint(self._methods[name]) for name in OF_A_MODEL}

    def streams(self) -> dict[bytes, GrpcStreamEndpoint]:
        """The same of the one that streams."""
        method = self._methods["ModelStreamInfer"]
        return {method.path: GrpcStreamEndpoint(method, self._begin, limit_bytes=self._limit_bytes)}

    async def ask(self, path: bytes, message: bytes, request_id: str) -> bytes:
        """The answer to a message that a replica passes on. Raises the call's error."""
        method = next(each for each in self._methods.values() if each.path == path)
        return await self._pass_on(method, method.read(message), request_id)

    def _endpoint(self, method: Method) -> UnaryEndpoint:
        async def answered(message: Any, request_id: str) -> bytes:
            return await self._pass_on(method, message, request_id)

        return UnaryEndpoint(method, answered, limit_bytes=self._limit_bytes)

    async def _pass_on(self, method: Method, message: Any, request_id: str) -> bytes:
        name = message.model_name if method == INFER else message.name
        entry = find(name, await self._look())
        if entry.state != "READY":
            if method is self._methods["ModelReady"]:
                return b""  # ready: false
            raise not_ready(entry)
        return await self._ask(name, method.path, message.SerializeToString(), request_id)

    def _begin(self, message: Any, question: StreamRequest) -> CancelHandle:
        """One message of a stream. Here they may be for different models."""
        answered = forward_message(message, question, partial(self._pass_on, INFER))
        return asyncio.get_running_loop().create_task(answered)
