"""The paths of protocols that name models, behind the one prefix that Ray Serve lets through to a replica."""

from modelyard.http.asgi import Asgi, Receive, Scope, Send
from modelyard.http.fast_path import FAST_PATH, FastPath

PROTOCOLS = ("/v1/", "/v2/")


class PathPrefixMiddleware:
    """ASGI middleware that puts the lane's mount before such a path.

    Serve's replica answers 404 to whatever does not begin with its application's route. The replica's application takes the
    mount off again.
    """

    def __init__(self, app: Asgi, lane: FastPath = FAST_PATH) -> None:
        self._app = app
        self._lane = lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and scope["path"].startswith(PROTOCOLS):
            scope["path"] = self._lane.mount + scope["path"]
        await self._app(scope, receive, send)
