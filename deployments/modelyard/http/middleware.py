"""One clean request id for whatever handles a request on the ASGI path."""

from modelyard.http.asgi import Asgi, Receive, Scope, Send
from modelyard.http.request import RequestIds

NAME = b"x-request-id"


class RequestIdMiddleware:
    """ASGI middleware that gives each request exactly one `x-request-id`: the client's where it is clean, else a new one.

    Ray Serve has a middleware of its own behind this one. It makes an id only where there is none, and writes the one it finds
    into the answer and into its logs as it is.
    """

    def __init__(self, app: Asgi) -> None:
        self._app = app
        self._ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            offered, others = b"", []
            for header in scope["headers"]:
                if header[0] == NAME:
                    offered = header[1]
                else:
                    others.append(header)
            scope["headers"] = [*others, (NAME, self._ids.choose(offered).encode())]
        await self._app(scope, receive, send)
