"""The plain ASGI way in: one application that reads a request whole, asks for the answer and sends it.

Replicas and the gateway both stand on it; what they answer is theirs.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from modelyard.errors import InvalidRequest, ModelNotFound
from modelyard.http.body_budget import BodyBudget, HeldBytes
from modelyard.http.error_response import error_response
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest, RequestIds

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HttpStream:
    """An HTTP answer whose body comes piece by piece; the next piece is asked for when the client has room for it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    """Lower-case names."""
    pieces: AsyncGenerator[bytes]
    """Raises nothing: errors are pieces, in the protocol's own form. Closed when the client leaves."""


Respond = Callable[[HttpRequest], Awaitable[HttpResponse | HttpStream]]

logger = logging.getLogger(__name__)


def logged_error_response(error: Exception, request_id: str, path: str) -> HttpResponse:
    """The answer for an error; what the client is not told of goes to the log, under the request's id."""
    answer = error_response(error, request_id, path)
    if answer.status == 500:
        logger.error("request %s failed", request_id, exc_info=error, extra={"requests": (request_id,)})
    return answer


class AsgiApp:
    """An ASGI application that answers with `respond`. Whatever it raises becomes an answer too. WebSockets are for `sockets`.

    The request's id goes into documents and logs only: Ray Serve, which is always in front, writes it into the answer's headers.
    """

    def __init__(self, respond: Respond, bodies: BodyBudget, *, mount: str = "", sockets: Asgi | None = None) -> None:
        """`mount` is taken off a path that begins with it and goes on."""
        self._respond = respond
        self._mount = f"{mount}/" if mount else ""
        self._sockets = sockets or reject_unknown_websocket
        self._bodies = bodies
        self._request_ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await self._sockets(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = dict(scope["headers"]), scope["path"]
        if self._mount and path.startswith(self._mount):
            path = path[len(self._mount) - 1 :]
        held = HeldBytes(self._bodies)
        request = HttpRequest(
            method=scope["method"],
            path=path,
            query=scope["query_string"],
            headers=headers,
            body=b"",
            request_id=self._request_ids.choose(headers.get(b"x-request-id", b"")),
            holds=held.set_to,
        )
        try:
            answer = await self._answered(request, receive, held)
        finally:
            request.body = b""
            held.release()
        if isinstance(answer, HttpStream):
            await _send_stream(answer, send)
        else:
            await _send_whole(answer, send, head=request.method == "HEAD")

    async def _answered(self, request: HttpRequest, receive: Receive, held: HeldBytes) -> HttpResponse | HttpStream:
        try:
            request.body = await self._read(request, receive, held)
            return await self._respond(request)
        except Exception as error:  # noqa: BLE001 - the last place where an error can still become an answer
            return logged_error_response(error, request.request_id, request.path)

    async def _read(self, request: HttpRequest, receive: Receive, held: HeldBytes) -> bytes:
        length = request.headers.get(b"content-length", b"0")
        if length.isdigit() and (error := self._bodies.refusal(int(length))):
            raise error
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidRequest("the client left before the body was complete")
            body += message.get("body", b"")
            held.set_to_body(len(body))
            if not message.get("more_body", False):
                return bytes(body)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def _send_whole(answer: HttpResponse, send: Send, *, head: bool) -> None:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body, "more_body": False})


async def _send_stream(answer: HttpStream, send: Send) -> None:
    """Serve cancels this when the client leaves, and uvicorn's `send` waits while the client does not read."""
    async with aclosing(answer.pieces) as pieces:
        await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers]})
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def reject_unknown_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket before it is open, with an ordinary answer where the server can give one."""
    error = ModelNotFound(f"there is no WebSocket at {scope['path']!r}")
    await reject_websocket(logged_error_response(error, "", scope["path"]), scope, send)


async def reject_websocket(answer: HttpResponse, scope: Scope, send: Send) -> None:
    """The same with this answer."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": answer.body})
