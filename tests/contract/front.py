"""A real uvicorn server on a loop of its own, with the fast path, and behind it what Ray Serve installs."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop
from starlette.middleware import Middleware

from modelyard.http.connection import FastPathProtocol
from modelyard.http.fast_path import FastPath
from modelyard.http.middleware import PathPrefixMiddleware, RequestIdMiddleware
from tests.contract.client import small_buffers
from tests.contract.serve_parts import ReceiveProxy, apply_middlewares, convert_object_to_asgi_messages
from tests.fakes import PATIENCE_S

KEEP_ALIVE_S = 60


class Front:
    """Runs until `stop`. `app` is the ASGI application behind Serve's wrapper; a test puts its own there."""

    def __init__(self, *, keep_alive_s: float = KEEP_ALIVE_S) -> None:
        self.fast_path = FastPath()
        self.app: Any = None
        self.route = ""
        """Of the application; Serve lets nothing else through."""
        self.reached_app = 0
        """Requests that took the slow path."""
        self.connections: list[FastPathProtocol] = []
        """Open or not."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        small_buffers(self._listener)
        self.port: int = self._listener.getsockname()[1]
        self.loop = uvloop.new_event_loop()
        front, connections = self, self.connections

        class Protocol(FastPathProtocol):
            fast_path = front.fast_path

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                connections.append(self)

        config = uvicorn.Config(
            apply_middlewares(
                self._as_serve_does,
                [Middleware(RequestIdMiddleware), Middleware(PathPrefixMiddleware, fast_path=self.fast_path)],
            ),
            http=Protocol,
            timeout_keep_alive=keep_alive_s,
            lifespan="off",
            access_log=False,
            log_config=None,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="uvicorn")
        self._thread.start()

    def _run(self) -> None:
        self.loop.run_until_complete(self._server.serve([self._listener]))
        self.loop.close()

    async def _as_serve_does(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the application in a task, and cancel it when the client is gone: `_direct_ingress_asgi` without its bookkeeping."""
        self.reached_app += 1
        if not scope["path"].startswith(self.route):
            for message in convert_object_to_asgi_messages("not found", status_code=404):
                await send(message)
            return
        proxy = ReceiveProxy(scope, receive, self.loop)
        left = proxy.fetch_until_disconnect_task()
        request = asyncio.create_task(self.app(scope, proxy, send))
        await asyncio.wait((left, request), return_when=asyncio.FIRST_COMPLETED)
        if not request.done():
            request.cancel()
            raise asyncio.CancelledError
        left.cancel()
        await request

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def connection(self, client_port: int) -> FastPathProtocol:
        """The server's side of a client's connection."""

        def found() -> list[FastPathProtocol]:
            return [each for each in self.connections if each.client and each.client[1] == client_port]

        self.until(found)
        return found()[-1]

    def on_loop(self, function: Callable[[], Any]) -> Any:
        """What the function gives, called on the loop."""

        async def call() -> Any:
            return function()

        return self._await(call())

    def until(self, condition: Callable[[], object]) -> None:
        """Let the loop turn until the condition holds."""

        async def turn() -> None:
            while not condition():
                await asyncio.sleep(0)

        self._await(asyncio.wait_for(turn(), PATIENCE_S))

    def _await(self, awaitable: Awaitable[Any]) -> Any:
        async def waited() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(waited(), self.loop).result(PATIENCE_S)

    def begin_to_stop(self) -> None:
        """As Serve does when a replica is to go: no new connections, and open ones end with their answers."""
        self._server.should_exit = True

    def stop(self) -> None:
        self.begin_to_stop()
        self._thread.join(PATIENCE_S)
        assert not self.running, "a connection is still open"
