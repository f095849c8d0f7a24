"""The self-test of the fast path: one request of each kind on a connection without a client.

The fast path depends on names inside uvicorn that no release of it guarantees. Only a run through all of them checks them all; it
takes a millisecond.
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

FAST = b"POST /fast HTTP/1.1\r\nhost: self-test\r\ncontent-length: 2\r\n\r\n{}"
SLOW = b"POST /slow HTTP/1.1\r\nhost: self-test\r\ncontent-length: 2\r\n\r\n{"
OK = b"HTTP/1.1 200 OK\r\n"


class SelfTestFailed(Exception):
    """uvicorn does not behave as the fast path expects."""


def self_test(uvicorn_config: Any, protocol: str) -> None:
    """Raises SelfTestFailed, or any other error, unless both paths and WebSockets work."""
    if "auto" not in uvicorn_config.HTTP_PROTOCOLS:
        raise SelfTestFailed("there is no HTTP protocol 'auto'")
    kind = import_from_string(protocol)
    fast_path = FastPath()
    fast_path.open({b"/fast": _Endpoint()}, _Meter(), body_limit=100)
    config = uvicorn_config.Config(_no_app, http=kind, interface="asgi3", lifespan="off", log_config=None)
    loop, transport = _Loop(), _Transport()
    connection = type("Tested", (kind,), {"fast_path": fast_path})(config, ServerState(), {}, loop)
    connection.connection_made(transport)
    connection.data_received(FAST)
    if not transport.written.startswith(OK):
        raise SelfTestFailed(f"the response on the fast path began with {transport.written[:100]!r}")
    connection.data_received(SLOW)
    if not loop.tasks:
        raise SelfTestFailed("a request on the slow path did not reach the application")
    if connection.body_progress()[1] != 1:
        raise SelfTestFailed("the progress of a body is wrong")
    connection.on_slow_body(BodyTooSlow("self-test"))
    connection.eof_received()
    connection.pause_writing()
    if not connection.unwritten_bytes():
        raise SelfTestFailed("a client that does not read is not detected")
    connection.resume_writing()
    connection.connection_lost(None)
    _test_websocket(config, loop)


def _test_websocket(config: Any, loop: Any) -> None:
    """Receive a message in fragments."""
    socket = WebSocketConnection(config, ServerState(), {}, loop)
    socket.held = HeldBytes(BodyBudget(100))
    socket.connection_made(_Transport())
    socket.handle_bytes(Frame(Opcode.BINARY, b"{", fin=False))
    if socket.body_progress() == (None, 0):
        raise SelfTestFailed("the progress of a WebSocket message is wrong")
    socket.handle_cont(Frame(Opcode.CONT, b"}"))
    if socket.queue.get_nowait() != {"type": "websocket.receive", "bytes": b"{}"}:
        raise SelfTestFailed("the fragments of a WebSocket message are not joined")
    socket.pause_writing()
    if not socket.unwritten_bytes():
        raise SelfTestFailed("a WebSocket client that does not read is not detected")
    socket.connection_lost(None)


async def _no_app(scope: object, receive: object, send: object) -> None:
    """Is never called: the test's event loop runs no task."""


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
    """The part of an event loop, and of its handles and tasks, that a connection uses."""

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
