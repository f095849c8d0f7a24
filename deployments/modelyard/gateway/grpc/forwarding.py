"""Forwards gRPC calls of models that HAProxy could not route to a replica.

These are compressed messages, messages with their fields in an unusual order, and calls of models without a replica. They are
forwarded with Ray Serve's handles, which is slower than HAProxy but starts a replica of a model that is scaled to zero.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from modelyard.gateway.catalogue import GetEntries, find_model, not_ready
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.messages import INFERENCE, Method, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint, StreamRequest
from modelyard.protocols.grpc.stream_responses import INFER, forward_message
from modelyard.protocols.grpc.unary import UnaryEndpoint

CallModel = Callable[[str, bytes, bytes, str], Awaitable[bytes]]
"""Calls a replica of this application with a path, a message and a request id. Returns its response message. Raises its error."""
MODEL_METHODS = ("ModelReady", "ModelMetadata", "ModelConfig", "ModelInfer")


class GrpcForwarder:
    """The methods that are about one model."""

    def __init__(self, get_entries: GetEntries, call_model: CallModel, *, limit_bytes: int) -> None:
        self._get_entries = get_entries
        self._call_model = call_model
        self._limit_bytes = limit_bytes
        self._methods = methods(INFERENCE)

    def endpoints(self) -> dict[bytes, UnaryEndpoint]:
        """UnaryEndpoint methods by path."""
        return {self._methods[name].path: self._endpoint(self._methods[name]) for name in MODEL_METHODS}

    def streams(self) -> dict[bytes, GrpcStreamEndpoint]:
        """Streaming methods by path."""
        method = self._methods["ModelStreamInfer"]
        return {method.path: GrpcStreamEndpoint(method, self._begin, limit_bytes=self._limit_bytes)}

    async def forward(self, path: bytes, message: bytes, request_id: str) -> bytes:
        """The response to a message that a replica forwards. Raises the call's error."""
        method = next(each for each in self._methods.values() if each.path == path)
        return await self._forward(method, method.read(message), request_id)

    def _endpoint(self, method: Method) -> UnaryEndpoint:
        async def respond(message: Any, request_id: str) -> bytes:
            return await self._forward(method, message, request_id)

        return UnaryEndpoint(method, respond, limit_bytes=self._limit_bytes)

    async def _forward(self, method: Method, message: Any, request_id: str) -> bytes:
        name = message.model_name if method == INFER else message.name
        entry = find_model(name, await self._get_entries())
        if entry.state != "READY":
            if method is self._methods["ModelReady"]:
                return b""  # ready: false
            raise not_ready(entry)
        return await self._call_model(entry.application, method.path, message.SerializeToString(), request_id)

    def _begin(self, message: Any, question: StreamRequest) -> CancelHandle:
        """Start one message of a stream. The messages of a stream can be for different models."""
        responses = forward_message(message, question, partial(self._forward, INFER))
        return asyncio.get_running_loop().create_task(responses)
