"""What the gateway answers: the catalogue, readiness, and paths that no model's replica answers."""

from collections.abc import Awaitable, Callable, Mapping

import orjson

from deployments.errors import MethodNotAllowed, ModelNotFound, ModelNotReady
from deployments.gateway.catalogue import Entry, waiting_for
from deployments.protocols.http import HttpRequest
from deployments.protocols.names import nearest
from deployments.protocols.problem import JSON, HttpAnswer

Look = Callable[[], Awaitable[Mapping[str, Entry]]]


class GatewayRoutes:
    """Answers from the catalogue, which `look` reads afresh."""

    def __init__(self, look: Look) -> None:
        self._look = look

    async def respond(self, request: HttpRequest) -> HttpAnswer:
        """Every path that reaches the gateway."""
        path = request.path.rstrip("/") or "/"
        if path == "/live":
            return _answer(request, {"live": True})
        entries = await self._look()
        if path == "/models":
            return _answer(request, {"models": [entry.as_json() for entry in entries.values()]})
        if path == "/ready":
            missing = waiting_for(entries)
            return _answer(request, {"ready": not missing, "waiting_for": missing}, status=503 if missing else 200)
        if path == "/":
            return _answer(request, {"name": "modelyard", "models": "/models", "ready": "/ready", "live": "/live"})
        return self._of_a_model(request, path, entries)

    def _of_a_model(self, request: HttpRequest, path: str, entries: Mapping[str, Entry]) -> HttpAnswer:
        """A path below a model's route. It came here, so no replica of the model answers."""
        entry = next((each for each in entries.values() if f"{path}/".startswith(f"{each.route}/")), None)
        if entry is None:
            raise ModelNotFound(_unknown(path, entries))
        if path == entry.route:
            return _answer(request, entry.as_json())
        if (
            path == f"{entry.route}/ready" and entry.state == "READY"
        ):  # scaled to zero: the next request starts a replica
            return _answer(request, {"ready": True})
        error = ModelNotReady(_not_ready(entry))
        error.retry_after_s = 30 if entry.state == "UNAVAILABLE" else 1
        raise error


def _not_ready(entry: Entry) -> str:
    if entry.state == "READY":
        return f"model {entry.name!r} has no replica at hand"
    return f"model {entry.name!r} is {entry.state}" + (f": {entry.reason}" if entry.reason else "")


def _unknown(path: str, entries: Mapping[str, Entry]) -> str:
    name = path.split("/")[2] if path.startswith("/models/") else ""
    if not name:
        return f"nothing answers {path!r}; GET /models lists what does"
    if name in entries:
        return f"model {name!r} has its own route, {entries[name].route}"
    near = nearest(name, entries)
    return f"there is no model {name!r}" + (f"; did you mean {near!r}?" if near else "; GET /models lists them")


def _answer(request: HttpRequest, document: Mapping[str, object], status: int = 200) -> HttpAnswer:
    if request.method not in ("GET", "HEAD"):
        error = MethodNotAllowed(f"{request.path} takes GET, not {request.method}")
        error.allow = ("GET", "HEAD")
        raise error
    return HttpAnswer(status, (JSON,), orjson.dumps(document))
