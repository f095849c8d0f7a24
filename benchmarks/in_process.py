"""The request path of a replica in this process, without sockets: connections that always have a request in flight."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from modelyard.http.connection import FastPathProtocol
from modelyard.http.endpoint import Endpoint
from modelyard.http.fast_path import FastPath
from modelyard.replica.load_meter import LoadMeter

MAX_BODY_BYTES = 10**8


class FakeTransport(asyncio.Transport):
    """A transport that counts responses."""

    responses = 0
    last = b""

    def write(self, data: Any) -> None:
        self.responses += 1
        self.last = data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Does nothing."""


class Connections:
    """Connections of HTTP clients to one replica."""

    def __init__(self, endpoints: Mapping[bytes, Endpoint], requests_in_flight: Callable[[], int], number: int) -> None:
        """`endpoints` are those of the fast path, by their exact paths. Call it in the event loop."""
        loop = asyncio.get_running_loop()
        fast_path = FastPath()
        meter = LoadMeter(loop.call_soon, requests_in_flight, time.perf_counter)
        fast_path.open(dict(endpoints), meter, body_limit=MAX_BODY_BYTES)
        kind = type("Connection", (FastPathProtocol,), {"fast_path": fast_path})
        config = uvicorn.Config(_no_app, http=kind, interface="asgi3", lifespan="off", log_config=None)
        state = ServerState()
        state.default_headers = [(b"date", b"Tue, 01 Jan 2030 00:00:00 GMT")]
        self.transports = [FakeTransport() for _ in range(number)]
        self._connections = [kind(config, state, {}, loop) for _ in self.transports]
        for connection, transport in zip(self._connections, self.transports, strict=True):
            connection.connection_made(transport)

    async def turn(self, request: bytes, waves: int, after: Callable[[], object] = lambda: None) -> float:
        """CPU microseconds of a request, if each connection sends it so often. Includes a call of `after` at the end."""
        started = time.process_time()
        for _ in range(waves):
            expected = self.transports[0].responses + 1
            for connection in self._connections:
                connection.data_received(request)
            while any(transport.responses < expected for transport in self.transports):
                await asyncio.sleep(0)
        after()
        return (time.process_time() - started) / (waves * len(self._connections)) * 1e6

    def check(self) -> None:
        """Raises RuntimeError if a last response is not 200."""
        for transport in self.transports:
            if not transport.last.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the response was {transport.last!r}")

    def close(self) -> None:
        """Stop the timers of the connections."""
        for connection in self._connections:
            connection.connection_lost(None)


async def _no_app(_scope: Any, _receive: Any, _send: Any) -> None:
    """Unused: the fast path handles all requests."""


def http1(path: str, body: bytes, content_type: str = "application/json", headers: str = "") -> bytes:
    """The bytes of a request. `headers` are further lines, each with its end."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {content_type}\r\n{headers}"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
