"""One open WebSocket: requests are begun as they come, and answered in their order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial

from modelyard.errors import ModelyardError
from modelyard.http.asgi import Receive, Send, logged_error_response
from modelyard.http.edge_start import without
from modelyard.http.request import RequestIds, body_too_large
from modelyard.inference.recorder import RequestContext
from modelyard.protocols.awaiting import parts, whole
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.oip.endpoint import infer_decoding
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.websocket.codec import END, Message, WebSocketCodec, WebSocketRequest, divided

MOST_OPEN = 16
"""Requests of one socket under way; no more is read meanwhile, so a client that does not read is not read from either."""

Turn = Callable[[Send], Awaitable[None]]
"""Sends all of an answer."""


class _Left(Exception):
    """The client has."""


class WebSocketSession:
    """A client's session with one version."""

    def __init__(
        self,
        version: RunningVersion,
        path: str,
        *,
        limit_bytes: int,
        probabilities: bool,
        in_parts: bool,
        ids: RequestIds,
        headers: Sequence[tuple[bytes, bytes]],
    ) -> None:
        """`headers` are those of the request that opened it.

        `in_parts` says that each answer comes in as many messages as it has parts, and one that ends it.
        """
        self._server = version.server
        self._recorder = version.recorders["websocket"]
        self._decoder = version.decoder
        self._codec = WebSocketCodec(version.predictor.codec, version.infer.codec)
        self._path = path
        self._limit_bytes = limit_bytes
        self._probabilities = probabilities
        self._in_parts = in_parts
        self._ids = ids
        self._headers = without(headers)

    async def run(self, receive: Receive, send: Send) -> None:
        """Until the client leaves; what is under way then is cancelled."""
        turns: asyncio.Queue[Turn] = asyncio.Queue(MOST_OPEN)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_take_turns(turns, send))
                while (message := await receive())["type"] == "websocket.receive":
                    text: str | None = message.get("text")
                    await turns.put(self._turn(message["bytes"] if text is None else text, group))
                raise _Left
        except* (_Left, OSError):  # uvicorn raises the second where a client has gone that is written to
            pass

    def _turn(self, message: Message, group: asyncio.TaskGroup) -> Turn:
        context = self._server.open_requests.context(self._recorder, self._ids.choose(b""), len(message), self._headers)
        if self._in_parts:
            return partial(self._tell_parts, message, context)
        # Begun now, and not in its turn: requests that wait together run together.
        return partial(_tell_whole, group.create_task(self._answer(message, context)))

    async def _answer(self, message: Message, context: RequestContext) -> Message:
        try:
            call = await self._read(message, context)
            return await whole(self._server, call.request, context, call.encode, call.timeout_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, the socket stays open
            return self._error(error, context)

    async def _tell_parts(self, message: Message, context: RequestContext, send: Send) -> None:
        last: Message = END
        try:
            call = await self._read(message, context)
            async with aclosing(parts(self._server, call.request, context, call.encode, call.timeout_s)) as all_:
                async for part in all_:
                    await _send(part, send)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - the same
            last = self._error(error, context)
        await _send(last, send)

    async def _read(self, message: Message, context: RequestContext) -> WebSocketRequest:
        try:
            if len(message) > self._limit_bytes:
                raise body_too_large(self._limit_bytes)
            if isinstance(message, str):
                options = {"probabilities": self._probabilities}
                text = DecodeJob("predict.decode", message.encode(), (b"application/json",), options)
                return self._codec.of_text(await self._decoder.decode(text))
            return self._codec.of_binary(await self._decoder.decode(infer_decoding(*divided(message))))
        except ModelyardError as error:
            raise self._server.open_requests.refuse(context, error) from None

    def _error(self, error: Exception, context: RequestContext) -> str:
        return logged_error_response(error, context.request_id, self._path).body.decode()


async def _take_turns(turns: asyncio.Queue[Turn], send: Send) -> None:
    while True:
        turn = await turns.get()
        await turn(send)


async def _tell_whole(answer: asyncio.Task[Message], send: Send) -> None:
    await _send(await answer, send)


async def _send(message: Message, send: Send) -> None:
    """uvicorn waits here while the client does not read."""
    kind = "text" if isinstance(message, str) else "bytes"
    await send({"type": "websocket.send", kind: message})
