"""Unary gRPC calls over HTTP/1.1. HAProxy speaks HTTP/2 with the client and forwards trailers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.errors import DeadlineExceeded, NotSupported
from modelyard.http.endpoint import Header, Reply
from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import HttpResponse
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.call_headers import encoding_and_timeout, timeout_s
from modelyard.protocols.grpc.frames import frame, only_message
from modelyard.protocols.grpc.messages import Method
from modelyard.protocols.grpc.status import OK, Status, status_of, trailers, trailers_only

logger = logging.getLogger(__name__)

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\ntrailer: grpc-status\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def end_of_body(trailers: Sequence[Header]) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % trailer for trailer in trailers)


END = end_of_body(OK)


@dataclass(frozen=True, slots=True)
class UnaryResponse:
    """The response of a successful call: one message."""

    message: bytes

    def to_http1(self, request_id: str, extra_headers: bytes) -> bytes:
        """See `endpoint.Response`."""
        return b"%bx-request-id: %b\r\n%b\r\n%b%b" % (
            HEAD,
            request_id.encode(),
            extra_headers,
            chunk(frame(self.message)),
            END,
        )

    def to_http_response(self) -> HttpResponse:
        """An error: ASGI servers do not send trailers, and a response needs them."""
        return trailers_only(NotSupported("gRPC needs the server's fast path"), "")


def failure_response(error: Exception, request_id: str) -> WholeResponse:
    """The response of a call that failed before its first message. Internal errors are logged."""
    log_internal_error(error, request_id)
    return WholeResponse(trailers_only(error, request_id))


def failure_trailers(error: Exception, request_id: str) -> tuple[Header, ...]:
    """The trailers for an error. Internal errors are logged."""
    log_internal_error(error, request_id)
    return trailers(error, request_id)


def log_internal_error(error: Exception, request_id: str) -> None:
    """Log an error whose details the client does not get."""
    if status_of(error)[0] is Status.INTERNAL:
        logger.error("request %s failed", request_id, exc_info=error, extra={"requests": (request_id,)})


class UnaryEndpoint:
    """The endpoint of a unary method other than ModelInfer."""

    def __init__(self, method: Method, respond: Callable[[Any, str], Awaitable[bytes]], *, limit_bytes: int) -> None:
        """`respond` gets the message and the request id, and returns the serialized response."""
        self._method = method
        self._respond = respond
        self._limit_bytes = limit_bytes
        self.open_requests = 0
        """Calls that have begun and have no response."""

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """See `Endpoint`."""
        encoding, timeout = encoding_and_timeout(headers)
        limit_s = timeout_s(timeout) if timeout else None
        message = self._method.read(only_message(body, encoding, self._limit_bytes))
        task = asyncio.get_running_loop().create_task(self._reply(message, request_id, limit_s, reply))
        self.open_requests += 1
        task.add_done_callback(self._on_end)
        return task

    async def _reply(self, message: Any, request_id: str, limit_s: float | None, reply: Reply) -> None:
        try:
            response = await asyncio.wait_for(self._respond(message, request_id), limit_s)
        except TimeoutError:
            reply(DeadlineExceeded(f"no response within {limit_s:g} s"))
        except Exception as error:  # noqa: BLE001 - every error becomes a response
            reply(error)
        else:
            reply(UnaryResponse(response))

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self.open_requests -= 1

    def reject(self, error: Exception, request_id: str) -> None:
        """Does nothing: only inference calls are recorded."""

    def error_response(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        """The error as trailers."""
        return failure_response(error, request_id)
