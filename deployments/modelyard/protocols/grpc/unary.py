"""gRPC's calls as HTTP/1.1 has them: HAProxy, which speaks HTTP/2 with the client, carries them across, trailers included."""

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
from modelyard.protocols.grpc.frames import frame, only_message
from modelyard.protocols.grpc.messages import Method
from modelyard.protocols.grpc.status import OK, Status, ended, status_of, trailers
from modelyard.protocols.grpc.timeout import timeout_s

logger = logging.getLogger(__name__)

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\ntrailer: grpc-status\r\n"


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def end_of_body(trailers: Sequence[Header]) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % trailer for trailer in trailers)


END = end_of_body(OK)


@dataclass(frozen=True, slots=True)
class UnaryResponse:
    """The answer of a call that went well, with its one message."""

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
        """ASGI carries no trailers here, and a message without them is no answer."""
        return ended(NotSupported("gRPC needs the fast lane"), "")


def failure(error: Exception, request_id: str) -> WholeResponse:
    """The answer of a call that failed before it had a message; what the client is not told of goes to the log."""
    note(error, request_id)
    return WholeResponse(ended(error, request_id))


def failed(error: Exception, request_id: str) -> tuple[Header, ...]:
    """The trailers for an error; the log's part as for `failure`."""
    note(error, request_id)
    return trailers(error, request_id)


def note(error: Exception, request_id: str) -> None:
    """Write to the log what a client is not told."""
    if status_of(error)[0] is Status.INTERNAL:
        logger.error("request %s failed", request_id, exc_info=error, extra={"requests": (request_id,)})


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
    """The endpoint of a method that takes one message and gives one, for all but the hottest."""

    def __init__(self, method: Method, answer: Callable[[Any, str], Awaitable[bytes]], *, limit_bytes: int) -> None:
        """`answer` gets the message and the request's id, and gives the message that is sent back."""
        self._method = method
        self._answer = answer
        self._limit_bytes = limit_bytes

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """See `Endpoint`."""
        encoding, timeout = of_headers(headers)
        limit_s = timeout_s(timeout) if timeout else None
        message = self._method.read(only_message(body, encoding, self._limit_bytes))
        return asyncio.get_running_loop().create_task(self._reply(message, request_id, limit_s, reply))

    async def _reply(self, message: Any, request_id: str, limit_s: float | None, reply: Reply) -> None:
        try:
            answer = await asyncio.wait_for(self._answer(message, request_id), limit_s)
        except TimeoutError:
            reply(DeadlineExceeded(f"no response within {limit_s:g} s"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            reply(error)
        else:
            reply(UnaryResponse(answer))

    def reject(self, error: Exception, request_id: str) -> None:
        """Calls beside inference are not recorded."""

    def error_response(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        """In trailers."""
        return failure(error, request_id)
