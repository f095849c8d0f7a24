"""One request of each kind through the lane with nobody at the other end, to see that uvicorn is as the lane expects.

The lane stands on names inside uvicorn that no release of it promises. Going through them all once is the one check that
forgets none, and takes a millisecond.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from uvicorn.importer import import_from_string
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from modelyard.errors import BodyTooSlow
from modelyard.http.body_budget import BodyBudget, HeldBytes
from modelyard.http.endpoint import Reply, Response
from modelyard.http.fast_path import FastPath
from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import HttpResponse
from modelyard.http.websocket_connection import WebSocketConnection

HOT = b"POST /hot HTTP/1.1\r\nhost: rehearsal\r\ncontent-length: 2\r\n\r\n{}"
COLD = b"POST /cold HTTP/1.1\r\nhost: rehearsal\r\ncontent-length: 2\r\n\r\n{"
ANSWER = b"HTTP/1.1 200 OK\r\n"


class SelfTestFailed(Exception):
    """Says what was."""


def self_test(uvicorn_config: Any, protocol: str) -> None:
    """Raise SelfTestFailed, or whatever else goes wrong, unless both kinds of requests go through."""
    if "auto" not in uvicorn_config.HTTP_PROTOCOLS:
        raise SelfTestFailed("there is no HTTP protocol 'auto'")
    kind = import_from_string(protocol)
    lane = FastPath()
    lane.open({b"/hot": _Endpoint()}, _Meter(), body_limit=100)
    config = uvicorn_config.Config(_no_app, http=kind, interface="asgi3", lifespan="off", log_config=None)
    loop, transport = _Loop(), _Transport()
    connection = type("Rehearsed", (kind,), {"lane": lane})(config, ServerState(), {}, loop)
    connection.connection_made(transport)
    connection.data_received(HOT)
    if not transport.written.startswith(ANSWER):
        raise SelfTestFailed(f"a hot request was answered with {transport.written[:100]!r}")
    connection.data_received(COLD)
    if not loop.tasks:
        raise SelfTestFailed("another request did not reach the application")
    if connection.coming()[1] != 1:
        raise SelfTestFailed("what came of a body is not known")
    connection.on_slow_body(BodyTooSlow("rehearsed"))
    connection.eof_received()
    connection.pause_writing()
    if not connection.unread():
        raise SelfTestFailed("a client that does not read is not seen")
    connection.resume_writing()
    connection.connection_lost(None)
    _rehearse_socket(config, loop)


def _rehearse_socket(config: Any, loop: Any) -> None:
    """A message in fragments."""
    socket = WebSocketConnection(config, ServerState(), {}, loop)
    socket.held = HeldBytes(BodyBudget(100))
    socket.connection_made(_Transport())
    socket.handle_bytes(Frame(Opcode.BINARY, b"{", fin=False))
    if socket.coming() == (None, 0):
        raise SelfTestFailed("a WebSocket's message is not seen to come")
    socket.handle_cont(Frame(Opcode.CONT, b"}"))
    if socket.queue.get_nowait() != {"type": "websocket.receive", "bytes": b"{}"}:
        raise SelfTestFailed("the fragments of a WebSocket's message are not joined")
    socket.pause_writing()
    if not socket.unread():
        raise SelfTestFailed("a WebSocket's client that does not read is not seen")
    socket.connection_lost(None)


async def _no_app(scope: object, receive: object, send: object) -> None:
    """Nothing runs in a rehearsal."""


class _Endpoint:
    def start(self, body: bytes, content_type: bytes, headers: object, reply: Reply, request_id: str) -> "_Endpoint":
        reply(WholeResponse(HttpResponse(200, (), body)))
        return self

    def cancel(self) -> None:
        pass

    def reject(self, error: Exception, request_id: str) -> None:
        pass

    def error_response(self, error: Exception, request_id: str, path: str) -> Response:
        raise error


class _Meter:
    def arrived(self) -> None:
        pass


class _Loop:
    """As much of an event loop, and of a handle and a task of it, as a connection touches."""

    def __init__(self) -> None:
        self.tasks = 0

    def call_later(self, *_: object) -> "_Loop":
        return self

    def cancel(self) -> None:
        pass

    def create_task(self, coroutine: Coroutine[Any, Any, Any], **_: object) -> "_Loop":
        coroutine.close()
        self.tasks += 1
        return self

    def add_done_callback(self, _: object) -> None:
        pass


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 1

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass
