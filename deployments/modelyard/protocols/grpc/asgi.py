"""gRPC calls that the fast lane did not take: ASGI carries no trailers, so here they can only be refused, in gRPC's own form."""

import logging
from collections.abc import Collection

from modelyard.errors import NotSupported
from modelyard.http.asgi import Asgi, Receive, Scope, Send
from modelyard.http.body_budget import BodyBudget
from modelyard.protocols.grpc.status import ended

logger = logging.getLogger(__name__)


class GrpcRefused:
    """ASGI middleware. `paths` are those of the methods that the lane of this process answers."""

    def __init__(self, app: Asgi, paths: Collection[bytes], bodies: BodyBudget) -> None:
        self._app = app
        self._paths = paths
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or not headers.get(b"content-type", b"").startswith(b"application/grpc"):
            await self._app(scope, receive, send)
            return
        answer = ended(self._error(scope["path"], headers.get(b"content-length", b"")), "")
        told = [*answer.headers, (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": answer.status, "headers": told})
        await send({"type": "http.response.body", "body": b""})

    def _error(self, path: str, length: bytes) -> Exception:
        if path.encode() not in self._paths:
            return NotSupported(f"there is no gRPC method {path!r} here")
        if length.isdigit() and (error := self._bodies.rejection(int(length))):
            return error
        logger.warning("a gRPC call did not come by the fast lane, which alone can answer it: is the lane off?")
        return NotSupported("the server's fast lane is off, which alone answers gRPC")
