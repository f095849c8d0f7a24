"""What the gateway answers: the catalogue, readiness, and paths that no model's replica answers."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version

from modelyard.errors import ModelNotFound
from modelyard.gateway.catalogue import Entry, Look, awake, waiting_for
from modelyard.gateway.model_errors import OURS, find, not_ready, unknown_model
from modelyard.gateway.oip_routes import OipServerRoutes
from modelyard.gateway.openapi.document import openapi
from modelyard.gateway.statistics import Statistics
from modelyard.http.problem import HttpResponse, json_response
from modelyard.http.request import HttpRequest, check_method
from modelyard.protocols.tensorflow.metadata import status
from modelyard.tensors import Signature

Signatures = Callable[[Sequence[str]], Awaitable[Mapping[str, Signature]]]
"""Those of the models of these names, where they can be had."""

TENSORFLOW = re.compile(r"/v1/models/([^/:]+).*")

ROOT = {
    "name": "modelyard",
    "status": "alive",  # what KServe's clients of V1 look for
    "models": "/models",
    "ready": "/ready",
    "live": "/live",
    "openapi": "/openapi.json",
}


class GatewayRoutes:
    """Answers from the catalogue, which `look` reads afresh."""

    def __init__(self, look: Look, statistics: Statistics, signatures: Signatures) -> None:
        self._look = look
        self._signatures = signatures
        self._oip = OipServerRoutes(statistics)

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Every path that reaches the gateway."""
        path = request.path.rstrip("/") or "/"
        if path in ("/live", "/v2/health/live"):
            return _answer(request, {"live": True})
        entries = await self._look()
        if path == "/models":
            return _answer(request, {"models": [entry.as_json() for entry in entries.values()]})
        if path == "/v1/models":
            return _answer(request, {"models": list(entries)})
        if path == "/version":
            return _text(request, version("modelyard"))
        if path in ("/ready", "/health"):
            missing = waiting_for(entries)
            return _answer(request, {"ready": not missing, "waiting_for": missing}, status=503 if missing else 200)
        if path == "/openapi.json":
            return _answer(request, openapi(entries, await self._signatures(awake(entries))))
        if path == "/":
            return _answer(request, ROOT)
        if path == "/v2" or path.startswith("/v2/"):
            return await self._oip.respond(request, path, entries)
        if found := TENSORFLOW.fullmatch(path):
            return _of_v1(request, path, find(found[1], entries, OURS))
        return self._of_a_model(request, path, entries)

    def _of_a_model(self, request: HttpRequest, path: str, entries: Mapping[str, Entry]) -> HttpResponse:
        """A path below a model's route. It came here, so no replica of the model answers."""
        entry = next((each for each in entries.values() if f"{path}/".startswith(f"{each.route}/")), None)
        if entry is None:
            raise _unknown(path, entries)
        if path == entry.route:
            return _answer(request, entry.as_json())
        if (
            path == f"{entry.route}/ready" and entry.state == "READY"
        ):  # scaled to zero: the next request starts a replica
            return _answer(request, {"ready": True})
        raise not_ready(entry)


def _of_v1(request: HttpRequest, path: str, entry: Entry) -> HttpResponse:
    if (
        path == f"/v1/models/{entry.name}" and entry.state == "READY"
    ):  # scaled to zero: the next request starts a replica
        served = [int(each["version"]) for each in entry.about.get("versions", ())]
        return _answer(request, status(entry.name, served))
    raise not_ready(entry)


def _unknown(path: str, entries: Mapping[str, Entry]) -> ModelNotFound:
    name = path.split("/")[2] if path.startswith("/models/") else ""
    if not name:
        return ModelNotFound(f"nothing answers {path!r}; GET /models lists what does")
    if name in entries:
        return ModelNotFound(f"model {name!r} has its own route, {entries[name].route}")
    return unknown_model(name, entries)


def _text(request: HttpRequest, text: str) -> HttpResponse:
    check_method(request, "GET")
    return HttpResponse(200, ((b"content-type", b"text/plain; charset=utf-8"),), text.encode())


def _answer(request: HttpRequest, document: Mapping[str, object], status: int = 200) -> HttpResponse:
    check_method(request, "GET")
    return json_response(document, status)
