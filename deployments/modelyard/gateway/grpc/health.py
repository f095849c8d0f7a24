"""gRPC's standard health service: for the server ("" or the name of a service) and for each model by name."""

import asyncio
from typing import Any

from modelyard.errors import ModelNotFound
from modelyard.gateway.catalogue import GetEntries, required_not_ready
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.messages import HEALTH, SERVICES, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint, StreamRequest
from modelyard.protocols.grpc.unary import UnaryEndpoint

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
"""HealthCheckResponse.ServingStatus."""
POLL_INTERVAL_S = 1.0


class GrpcHealth:
    """The methods Check and Watch."""

    def __init__(self, get_entries: GetEntries, *, limit_bytes: int) -> None:
        self._get_entries = get_entries
        self._check = methods(HEALTH)["Check"]
        self._watch = methods(HEALTH)["Watch"]
        self._limit_bytes = limit_bytes

    def endpoints(self) -> dict[bytes, UnaryEndpoint]:
        """UnaryEndpoint methods by path."""
        return {self._check.path: UnaryEndpoint(self._check, self._check_status, limit_bytes=self._limit_bytes)}

    def streams(self) -> dict[bytes, GrpcStreamEndpoint]:
        """Streaming methods by path."""
        return {self._watch.path: GrpcStreamEndpoint(self._watch, self._begin, limit_bytes=self._limit_bytes)}

    async def _check_status(self, message: Any, request_id: str) -> bytes:
        status = await self._status(message.service)
        if status == SERVICE_UNKNOWN:
            raise ModelNotFound(f"there is no service or model {message.service!r}")
        response: bytes = self._check.response(status=status).SerializeToString()
        return response

    def _begin(self, message: Any, question: StreamRequest) -> CancelHandle:
        question.endless = True
        return asyncio.get_running_loop().create_task(self._send_changes(message.service, question))

    async def _send_changes(self, service: str, question: StreamRequest) -> None:
        sent = None
        try:
            while True:
                status = await self._status(service)
                if status != sent:
                    question.send(self._watch.response(status=status))
                    sent = status
                await asyncio.sleep(POLL_INTERVAL_S)
        except Exception as error:  # noqa: BLE001 - every error ends the call with a status
            question.fail(error)

    async def _status(self, service: str) -> int:
        entries = await self._get_entries()
        if service in ("", *SERVICES):
            return NOT_SERVING if required_not_ready(entries) else SERVING
        entry = entries.get(service)
        if entry is None:
            return SERVICE_UNKNOWN
        return SERVING if entry.state == "READY" else NOT_SERVING
