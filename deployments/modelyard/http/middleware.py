"""ASGI middlewares for the slow path, in front of Ray Serve's own."""

from collections.abc import MutableMapping
from typing import Any

from modelyard.http.asgi import Asgi, Receive, Scope, Send
from modelyard.http.fast_path import FAST_PATH, FastPath
from modelyard.http.request import RequestIds

REQUEST_ID = b"x-request-id"
HEALTH_PATH = "/-/healthz"
SERVE_PATHS = (HEALTH_PATH, "/-/routes")
"""Paths that Serve answers itself."""
DRAINING = b"DRAINING"
"""The body of Serve's 503 to a health check while a replica drains."""


class RequestIdMiddleware:
    """Gives each request exactly one `x-request-id`: the client's if it is valid, else a generated one.

    Serve's own middleware generates an id only if there is none, and writes any other into the response and its logs unchecked.
    """

    def __init__(self, app: Asgi) -> None:
        self._app = app
        self._ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            client_id, others = b"", []
            for header in scope["headers"]:
                if header[0] == REQUEST_ID:
                    client_id = header[1]
                else:
                    others.append(header)
            scope["headers"] = [*others, (REQUEST_ID, self._ids.choose(client_id).encode())]
        await self._app(scope, receive, send)


class PathPrefixMiddleware:
    """Puts the fast path's `path_prefix` before the paths that it is configured for: those of other protocols, or all.

    Serve's replica responds with 404 to a path that does not begin with its application's route. The replica's application
    removes the prefix again.
    """

    def __init__(self, app: Asgi, fast_path: FastPath = FAST_PATH) -> None:
        self._app = app
        self._fast_path = fast_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            path, prefix = scope["path"], self._fast_path.path_prefix
            if path.startswith(self._fast_path.prefixed_paths) and path not in SERVE_PATHS:
                # Serve's proxy, which knows routes alone, gets the path with its prefix.
                scope["path"] = path if prefix and path.startswith(f"{prefix}/") else prefix + path
        await self._app(scope, receive, send)


class DrainingMiddleware:
    """Lets a replica that drains pass health checks.

    It serves until its listener closes. Serve fails the check as soon as the replica drains, which may be a second before HAProxy
    knows its successor: HAProxy would have no replica meanwhile.
    """

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != HEALTH_PATH:
            await self._app(scope, receive, send)
            return
        start: MutableMapping[str, Any] = {}

        async def send_status(message: MutableMapping[str, Any]) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message  # the body decides about the status
                return
            if start:
                await send({**start, "status": 200} if message.get("body") == DRAINING else start)
                start = {}
            await send(message)

        await self._app(scope, receive, send_status)
