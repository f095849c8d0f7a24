"""The WebSockets of one model, as an ASGI application."""

import re

from modelyard.errors import ModelNotFound
from modelyard.http.asgi import Receive, Scope, Send, logged_error_response, reject_websocket
from modelyard.http.request import RequestIds, flag
from modelyard.protocols.served_model import ServedModel
from modelyard.protocols.websocket.session import WebSocketSession

BELOW_ROUTE = r"(?:/versions/([^/]+))?/ws/?"


class WebSocketRoutes:
    """Opens a session for each client at `<route>/ws`."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._route = model.spec.url_path
        self._versions = model.versions
        self._paths = re.compile(re.escape(model.spec.url_path) + BELOW_ROUTE)
        self._ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        await receive()  # websocket.connect, always the first
        try:
            version = self._version_name(path)
            self._versions.find(version)
        except ModelNotFound as error:
            await reject_websocket(logged_error_response(error, self._ids.choose(b""), path), scope, send)
            return
        await send({"type": "websocket.accept"})
        await self._session(version, scope).run(receive, send)

    def _version_name(self, path: str) -> str | None:
        found = self._paths.fullmatch(path)
        if found is None:
            raise ModelNotFound(f"there is no WebSocket at {path!r}; there is one at {self._route}/ws")
        name: str | None = found[1]
        return name

    def _session(self, version: str | None, scope: Scope) -> WebSocketSession:
        query = scope["query_string"]
        return WebSocketSession(
            self._model,
            version,
            scope["path"],
            limit_bytes=self._model.body_limit,
            probabilities=flag(query, "probabilities"),
            in_parts=flag(query, "stream"),
            ids=self._ids,
            headers=tuple(scope["headers"]),
        )
