"""The ASGI application of replicas and of the gateway: it reads a request, gets its response and sends it."""

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
    """An HTTP response whose body is sent in pieces. Each piece is requested when the client has room for it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    """Lower-case names."""
    pieces: AsyncGenerator[bytes]
    """Raises nothing: errors are pieces, in the form of the protocol. Closed when the client disconnects."""


Respond = Callable[[HttpRequest], Awaitable[HttpResponse | HttpStream]]

logger = logging.getLogger(__name__)


def logged_error_response(error: Exception, request_id: str, path: str) -> HttpResponse:
    """The response for an error. An internal error is logged under the request's id, as the response hides its details."""
    response = error_response(error, request_id, path)
    if response.status == 500:
        logger.error("request %s failed", request_id, exc_info=error, extra={"requests": (request_id,)})
    return response


class AsgiApp:
    """An ASGI application that gets its responses from `respond`; errors that it raises become responses too.

    It writes no `x-request-id` header: Ray Serve, which is always in front, does.
    """

    def __init__(
        self, respond: Respond, bodies: BodyBudget, *, path_prefix: str = "", websocket_app: Asgi | None = None
    ) -> None:
        """`path_prefix` is removed from paths below it. WebSockets are rejected if there is no `websocket_app`."""
        self._respond = respond
        self._path_prefix = f"{path_prefix}/" if path_prefix else ""
        self._websocket_app = websocket_app or reject_unknown_websocket
        self._bodies = bodies
        self._request_ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._handle(scope, receive, send)
        else:
            await self._websocket_app(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = dict(scope["headers"]), scope["path"]
        if self._path_prefix and path.startswith(self._path_prefix):
            path = path[len(self._path_prefix) - 1 :]
        held = HeldBytes(self._bodies)
        request = HttpRequest(
            method=scope["method"],
            path=path,
            query=scope["query_string"],
            headers=headers,
            body=b"",
            request_id=self._request_ids.choose(headers.get(b"x-request-id", b"")),
            set_held_bytes=held.set_to,
        )
        try:
            response = await self._response(request, receive, held)
        finally:
            request.body = b""
            held.release()
        if isinstance(response, HttpStream):
            await _send_stream(response, send)
        else:
            await _send_response(response, send, head=request.method == "HEAD")

    async def _response(self, request: HttpRequest, receive: Receive, held: HeldBytes) -> HttpResponse | HttpStream:
        try:
            request.body = await self._read_body(request, receive, held)
            return await self._respond(request)
        except Exception as error:  # noqa: BLE001 - the last place where an error can still become a response
            return logged_error_response(error, request.request_id, request.path)

    async def _read_body(self, request: HttpRequest, receive: Receive, held: HeldBytes) -> bytes:
        length = request.headers.get(b"content-length", b"0")
        if length.isdigit() and (error := self._bodies.rejection(int(length), request.path)):
            raise error
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidRequest("the client disconnected before the body was complete")
            body += message.get("body", b"")
            held.set_to_body(len(body), request.path)
            if not message.get("more_body", False):
                return bytes(body)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def _send_response(response: HttpResponse, send: Send, *, head: bool) -> None:
    headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else response.body, "more_body": False})


async def _send_stream(response: HttpStream, send: Send) -> None:
    """Send each piece when the client has read those before it; Serve cancels this when the client disconnects."""
    async with aclosing(response.pieces) as pieces:
        await send({"type": "http.response.start", "status": response.status, "headers": [*response.headers]})
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def reject_unknown_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Reject a WebSocket at a path that has none."""
    error = ModelNotFound(f"there is no WebSocket at {scope['path']!r}")
    await reject_websocket(logged_error_response(error, "", scope["path"]), scope, send)


async def reject_websocket(response: HttpResponse, scope: Scope, send: Send) -> None:
    """Reject a WebSocket before it is open: with this response if the server supports it, else with a close code."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
    await send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": response.body})
