"""One open WebSocket: requests start as they arrive, and are answered in their order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from modelyard.errors import ModelNotFound
from modelyard.http.asgi import Receive, Send, logged_error_response
from modelyard.http.edge_headers import without_edge_start
from modelyard.http.request import RequestIds, body_too_large
from modelyard.protocols.awaiting import await_response
from modelyard.protocols.endpoint import CodecEndpoint
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import ServedModel
from modelyard.protocols.websocket.operations import END, BinaryOperation, Message, TextOperation

MAX_OPEN = 16
"""Requests of one socket that are processed at a time. Beyond them nothing is read, nor from a client that does not read."""

CLOSE = {"type": "websocket.close", "code": 1012, "reason": "the model was moved or removed; connect again"}
"""1012 is "service restart"."""

WriteResponse = Callable[[Send], Awaitable[None]]
"""Sends all messages of a response."""


class _Disconnected(Exception):
    """The client has, or this side."""


class _Gone(Exception):
    """The model was moved elsewhere, or removed."""


class _Endpoints:
    """The endpoints of both kinds of messages, of one version."""

    def __init__(self, version: RunningVersion, *, probabilities: bool) -> None:
        codecs = version.loaded.codecs
        self.text = TextOperation(codecs.predict, probabilities=probabilities)
        self.binary = BinaryOperation(codecs.infer)
        self.text_endpoint = CodecEndpoint(self.text, version, "websocket")
        self.binary_endpoint = CodecEndpoint(self.binary, version, "websocket")


class WebSocketSession:
    """A client's session with one version. It stays open if the model is loaded again meanwhile."""

    def __init__(
        self,
        model: ServedModel,
        version: str | None,
        path: str,
        *,
        limit_bytes: int,
        probabilities: bool,
        in_parts: bool,
        ids: RequestIds,
        headers: Sequence[tuple[bytes, bytes]],
    ) -> None:
        """`version` is a number, a label, or None for the default. `headers` are those of the request that opened it.

        With `in_parts` each response is one message for each of its parts, and one that ends it.
        """
        self._model = model
        self._version = version
        self._probabilities = probabilities
        self._endpoints = _Endpoints(model.versions.find(version), probabilities=probabilities)
        self._path = path
        self._limit_bytes = limit_bytes
        self._in_parts = in_parts
        self._ids = ids
        self._headers = without_edge_start(headers)

    async def run(self, receive: Receive, send: Send) -> None:
        """Until the client disconnects; requests that are open then are cancelled."""
        responses: asyncio.Queue[WriteResponse] = asyncio.Queue(MAX_OPEN)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_write_all(responses, send))
                while (message := await receive())["type"] == "websocket.receive":
                    text: str | None = message.get("text")
                    await responses.put(self._start(message["bytes"] if text is None else text, group))
                raise _Disconnected
        except* (_Disconnected, OSError):  # uvicorn raises the second for a write to a client that has disconnected
            pass

    def _start(self, message: Message, group: asyncio.TaskGroup) -> WriteResponse:
        request_id = self._ids.choose(b"")
        if self._in_parts:
            return partial(self._write_parts, message, request_id)
        # Started now, and not in its turn: requests that wait together share a batch.
        return partial(_write_one, group.create_task(self._respond(message, request_id)))

    async def _respond(self, message: Message, request_id: str) -> Message | None:
        """None: close the socket."""
        try:
            endpoint, _, body = await self._of(message)
            self._check_size(endpoint, message, request_id)
            return await await_response(lambda reply: endpoint.start(body, b"", self._headers, reply, request_id))
        except _Gone:
            return None
        except Exception as error:  # noqa: BLE001 - the error is this request's response; the socket stays open
            return self._error(error, request_id)

    async def _write_parts(self, message: Message, request_id: str, send: Send) -> None:
        last: Message = END
        try:
            endpoint, encode, body = await self._of(message)
            self._check_size(endpoint, message, request_id)
            async with aclosing(await endpoint.parts(body, b"", self._headers, request_id, encode)) as parts:
                async for part in parts:
                    await _send(part, send)
        except OSError:
            raise
        except _Gone:
            await _close(send)
        except Exception as error:  # noqa: BLE001 - as above
            last = self._error(error, request_id)
        await _send(last, send)

    async def _of(self, message: Message) -> tuple[CodecEndpoint[Any, Message], Callable[..., Message], bytes]:
        """The endpoint for a message, what encodes a part of its response, and its bytes. Raises _Gone, or why the model cannot be
        loaded."""
        while (successor := self._model.successor) is not None:
            try:
                model = await successor()
            except ModelNotFound:
                raise _Gone from None
            self._endpoints = _Endpoints(model.versions.find(self._version), probabilities=self._probabilities)
            self._model = model
        own = self._endpoints
        if isinstance(message, str):
            return own.text_endpoint, own.text.encode, message.encode()
        return own.binary_endpoint, own.binary.encode, message

    def _check_size(self, endpoint: CodecEndpoint[Any, Message], message: Message, request_id: str) -> None:
        if len(message) > self._limit_bytes:
            error = body_too_large(self._limit_bytes)
            endpoint.reject(error, request_id)
            raise error

    def _error(self, error: Exception, request_id: str) -> str:
        return logged_error_response(error, request_id, self._path).body.decode()


async def _write_all(responses: asyncio.Queue[WriteResponse], send: Send) -> None:
    while True:
        write = await responses.get()
        await write(send)


async def _write_one(response: asyncio.Task[Message | None], send: Send) -> None:
    message = await response
    if message is None:
        await _close(send)
    else:
        await _send(message, send)


async def _close(send: Send) -> None:
    """Close the socket behind the responses to earlier messages, and end the session."""
    await send(CLOSE)
    raise _Disconnected


async def _send(message: Message, send: Send) -> None:
    """uvicorn waits here while the client does not read."""
    kind = "text" if isinstance(message, str) else "bytes"
    await send({"type": "websocket.send", kind: message})
