"""The plain ASGI way in: one application that reads a request whole, asks for the answer and sends it.

Replicas and the gateway both stand on it; what they answer is theirs.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from deployments.errors import InvalidRequest
from deployments.protocols.http import HttpRequest, RequestIds, body_too_large
from deployments.protocols.problem import HttpAnswer
from deployments.protocols.refusal import refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Respond = Callable[[HttpRequest], Awaitable[HttpAnswer]]

logger = logging.getLogger(__name__)


def answer_error(error: Exception, request_id: str, path: str) -> HttpAnswer:
    """The answer for an error; what the client is not told of goes to the log, under the request's id."""
    answer = refusal(error, request_id, path)
    if answer.status == 500:
        logger.error("request %s failed", request_id, exc_info=error)
    return answer


class AsgiApp:
    """An ASGI application that answers with `respond`. Whatever it raises becomes an answer too.

    The request's id goes into documents and logs only: Ray Serve, which is always in front, writes it into the answer's headers.
    """

    def __init__(self, respond: Respond, *, body_limit: int, mount: str = "") -> None:
        """`mount` is taken off a path that begins with it and goes on."""
        self._respond = respond
        self._mount = f"{mount}/" if mount else ""
        self._body_limit = body_limit
        self._request_ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = dict(scope["headers"]), scope["path"]
        if self._mount and path.startswith(self._mount):
            path = path[len(self._mount) - 1 :]
        request = HttpRequest(
            method=scope["method"],
            path=path,
            query=scope["query_string"],
            headers=headers,
            body=b"",
            request_id=self._request_ids.choose(headers.get(b"x-request-id", b"")),
        )
        try:
            request.body = await self._read(receive, headers)
            answer = await self._respond(request)
        except Exception as error:  # noqa: BLE001 - the last place where an error can still become an answer
            answer = answer_error(error, request.request_id, request.path)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [*answer.headers, (b"content-length", b"%d" % len(answer.body))],
            }
        )
        body = b"" if request.method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _read(self, receive: Receive, headers: dict[bytes, bytes]) -> bytes:
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._body_limit:
            raise body_too_large(self._body_limit)
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidRequest("the client left before the body was complete")
            body += message.get("body", b"")
            if len(body) > self._body_limit:
                raise body_too_large(self._body_limit)
            if not message.get("more_body", False):
                return bytes(body)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
