"""Rejects gRPC calls on the ASGI path: ASGI servers do not send trailers, so only the fast path answers gRPC."""

import logging
from collections.abc import Collection

from modelyard.errors import NotSupported
from modelyard.http.asgi import Asgi, Receive, Scope, Send
from modelyard.http.body_budget import BodyBudget
from modelyard.protocols.grpc.status import trailers_only

logger = logging.getLogger(__name__)


class RejectGrpc:
    """ASGI middleware that responds with a gRPC error. `paths` are those of the methods that the fast path answers."""

    def __init__(self, app: Asgi, paths: Collection[bytes], bodies: BodyBudget) -> None:
        self._app = app
        self._paths = paths
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or not headers.get(b"content-type", b"").startswith(b"application/grpc"):
            await self._app(scope, receive, send)
            return
        response = trailers_only(self._error(scope["path"], headers.get(b"content-length", b"")), "")
        response_headers = [*response.headers, (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": response.status, "headers": response_headers})
        await send({"type": "http.response.body", "body": b""})

    def _error(self, path: str, length: bytes) -> Exception:
        if path.encode() not in self._paths:
            return NotSupported(f"unknown gRPC method {path!r}")
        if length.isdigit() and (error := self._bodies.rejection(int(length), path)):
            return error
        logger.warning(
            "a gRPC call arrived on the ASGI path: only the fast path supports gRPC, and it seems to be disabled"
        )
        return NotSupported("gRPC is not available: the server's fast path is disabled")
