"""gRPC's calls as HTTP/1.1 has them: HAProxy, which speaks HTTP/2 with the client, carries them across, trailers included."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.lane.endpoint import Header, Reply
from deployments.protocols.grpc.frames import frame, only_message
from deployments.protocols.grpc.messages import Method
from deployments.protocols.grpc.status import OK, Status, status_of, trailers
from deployments.protocols.problem import HttpAnswer

logger = logging.getLogger(__name__)

TYPE = (b"content-type", b"application/grpc")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\ntrailer: grpc-status\r\n"
NOT_ON_ASGI = HttpAnswer(200, (TYPE, (b"grpc-status", b"12"), (b"grpc-message", b"gRPC needs the fast lane")), b"")


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def end_of_body(trailers: Sequence[Header]) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % trailer for trailer in trailers)


END = end_of_body(OK)


@dataclass(frozen=True, slots=True)
class OneMessage:
    """The answer of a call that went well, with its one message."""

    message: bytes

    def http1(self, request_id: str, more: bytes) -> bytes:
        """See `endpoint.Made`."""
        return b"%bx-request-id: %b\r\n%b\r\n%b%b" % (
            HEAD,
            request_id.encode(),
            more,
            chunk(frame(self.message)),
            END,
        )

    def whole(self) -> HttpAnswer:
        """ASGI carries no trailers here, and a message without them is no answer."""
        return NOT_ON_ASGI


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer of a call that failed before it had a message: what would be its trailers stand among its headers."""

    headers: tuple[Header, ...]

    def http1(self, request_id: str, more: bytes) -> bytes:
        """See `endpoint.Made`."""
        lines = b"".join(b"%b: %b\r\n" % header for header in (TYPE, *self.headers))
        return b"HTTP/1.1 200 OK\r\n%bcontent-length: 0\r\nx-request-id: %b\r\n%b\r\n" % (
            lines,
            request_id.encode(),
            more,
        )

    def whole(self) -> HttpAnswer:
        """See `endpoint.Made`."""
        return HttpAnswer(200, (TYPE, *self.headers), b"")


def failure(error: Exception, request_id: str) -> Failure:
    """The answer for an error; what the client is not told of goes to the log, under the request's id."""
    return Failure(failed(error, request_id))


def failed(error: Exception, request_id: str) -> tuple[Header, ...]:
    """The trailers for an error; the log's part as for `failure`."""
    note(error, request_id)
    return trailers(error, request_id)


def note(error: Exception, request_id: str) -> None:
    """Write to the log what a client is not told."""
    if status_of(error)[0] is Status.INTERNAL:
        logger.error("request %s failed", request_id, exc_info=error)


def of_headers(headers: Sequence[Header]) -> tuple[bytes, bytes]:
    """`grpc-encoding` and `grpc-timeout`, b"" where there is none."""
    encoding = timeout = b""
    for name, value in headers:
        if name == b"grpc-encoding":
            encoding = value
        elif name == b"grpc-timeout":
            timeout = value
    return encoding, timeout


class Unary:
    """The endpoint of a method that takes one message and gives one, for all but the hottest; `answer` may wait."""

    def __init__(self, method: Method, answer: Callable[[Any], Awaitable[Any]], *, limit_bytes: int) -> None:
        self._method = method
        self._answer = answer
        self._limit_bytes = limit_bytes

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> "asyncio.Task[None]":
        """See `Endpoint`."""
        encoding, _ = of_headers(headers)
        message = self._method.read(only_message(body, encoding, self._limit_bytes))
        return asyncio.get_running_loop().create_task(self._reply(message, reply))

    async def _reply(self, message: Any, reply: Reply) -> None:
        try:
            answer = await self._answer(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            reply(error)
        else:
            reply(OneMessage(answer.SerializeToString()))

    def unread(self, error: Exception, request_id: str) -> None:
        """Calls beside inference are not recorded."""

    def refusal(self, error: Exception, request_id: str, path: str) -> Failure:
        """In trailers."""
        return failure(error, request_id)
