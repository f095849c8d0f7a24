"""The standard health service: of the server ("" or a service's name), and of each model by its name."""

import asyncio
from typing import Any

from modelyard.errors import ModelNotFound
from modelyard.gateway.catalogue import Look, waiting_for
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.messages import HEALTH, SERVICES, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint, StreamRequest
from modelyard.protocols.grpc.unary import UnaryEndpoint

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
"""HealthCheckResponse.ServingStatus."""
LOOK_EVERY_S = 1.0


class GrpcHealth:
    """Answers from the catalogue."""

    def __init__(self, look: Look, *, limit_bytes: int) -> None:
        self._look = look
        self._check = methods(HEALTH)["Check"]
        self._watch = methods(HEALTH)["Watch"]
        self._limit_bytes = limit_bytes

    def endpoints(self) -> dict[bytes, UnaryEndpoint]:
        """By the path of each method."""
        return {self._check.path: UnaryEndpoint(self._check, self._answer, limit_bytes=self._limit_bytes)}

    def streams(self) -> dict[bytes, GrpcStreamEndpoint]:
        """The same of the one that streams."""
        return {self._watch.path: GrpcStreamEndpoint(self._watch, self._begin, limit_bytes=self._limit_bytes)}

    async def _answer(self, message: Any, request_id: str) -> bytes:
        status = await self._status(message.service)
        if status == SERVICE_UNKNOWN:
            raise ModelNotFound(f"there is no service or model {message.service!r}")
        told: bytes = self._check.response(status=status).SerializeToString()
        return told

    def _begin(self, message: Any, question: StreamRequest) -> CancelHandle:
        question.endless = True
        return asyncio.get_running_loop().create_task(self._tell_changes(message.service, question))

    async def _tell_changes(self, service: str, question: StreamRequest) -> None:
        told = None
        try:
            while True:
                status = await self._status(service)
                if status != told:
                    question.send(self._watch.response(status=status))
                    told = status
                await asyncio.sleep(LOOK_EVERY_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client hears of it
            question.fail(error)

    async def _status(self, service: str) -> int:
        entries = await self._look()
        if service in ("", *SERVICES):
            return NOT_SERVING if waiting_for(entries) else SERVING
        entry = entries.get(service)
        if entry is None:
            return SERVICE_UNKNOWN
        return SERVING if entry.state == "READY" else NOT_SERVING
