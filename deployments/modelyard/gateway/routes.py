"""The gateway's HTTP paths: the catalogue, readiness, the OpenAPI document, and the paths of models without a replica."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from urllib.parse import parse_qs

from modelyard.gateway.catalogue import (
    GetEntries,
    ModelEntry,
    find_model,
    models_with_replicas,
    not_ready,
    required_not_ready,
)
from modelyard.gateway.model_list import list_models
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.gateway.oip_routes import OipServerRoutes
from modelyard.gateway.openapi.document import generic_openapi, openapi
from modelyard.gateway.repository_api import RepositoryApi
from modelyard.http.problem import HttpResponse, json_response
from modelyard.http.request import HttpRequest, check_method
from modelyard.protocols.tensorflow.metadata import status
from modelyard.protocols.unknown_model import UNKNOWN_MODEL, unknown_path
from modelyard.tensors import Signature

GetSignatures = Callable[[Mapping[str, Sequence[str]]], Awaitable[Mapping[str, Signature]]]
"""Returns the signatures of these models, whose names are given by application, as far as they are available."""

OPENAPI = "/openapi.json"
MAX_DESCRIBED = 50
"""Models that one OpenAPI document describes. Each adds about 5 kB; generators of clients and browsers fail at megabytes."""
TENSORFLOW_PATH = re.compile(r"/v1/models/([^/:]+).*")

ROOT = {
    "name": "modelyard",
    "status": "alive",  # KServe's clients of V1 check it
    "models": "/models",
    "ready": "/ready",
    "live": "/live",
    "openapi": OPENAPI,
}


class GatewayRoutes:
    """Responds to requests from the current catalogue."""

    def __init__(
        self,
        get_entries: GetEntries,
        statistics: ModelStatistics,
        get_signatures: GetSignatures,
        repository: RepositoryApi,
    ) -> None:
        self._get_entries = get_entries
        self._get_signatures = get_signatures
        self._oip = OipServerRoutes(statistics, repository)

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """The response to a request for any path."""
        path = request.path.rstrip("/") or "/"
        if path in ("/live", "/v2/health/live"):
            return _json_response(request, {"live": True})
        entries = await self._get_entries()
        if path == "/models":
            return _json_response(request, list_models(entries, request.query))
        if path == "/v1/models":
            return _json_response(request, {"models": list(entries)})
        if path == "/version":
            return _text_response(request, version("modelyard"))
        if path in ("/ready", "/health"):
            waiting_for = required_not_ready(entries)
            return _json_response(
                request, {"ready": not waiting_for, "waiting_for": waiting_for}, status=503 if waiting_for else 200
            )
        if path == OPENAPI:
            name = parse_qs(request.query.decode("latin-1")).get("model", [""])[-1]
            selected = {name: find_model(name, entries, UNKNOWN_MODEL)} if name else entries
            return _json_response(request, await self._openapi(selected))
        if path == "/":
            return _json_response(request, ROOT)
        if path == "/v2" or path.startswith("/v2/"):
            return await self._oip.respond(request, path, entries)
        if found := TENSORFLOW_PATH.fullmatch(path):
            return _tensorflow_response(request, path, find_model(found[1], entries, UNKNOWN_MODEL))
        if path.endswith(OPENAPI) and (entry := _entry_at(path.removesuffix(OPENAPI), entries)):
            return _json_response(request, await self._openapi({entry.name: entry}))
        return self._model_response(request, path, entries)

    async def _openapi(self, entries: Mapping[str, ModelEntry]) -> dict[str, object]:
        if len(entries) > MAX_DESCRIBED:
            return generic_openapi(list(entries))
        return openapi(entries, await self._get_signatures(models_with_replicas(entries)))

    def _model_response(self, request: HttpRequest, path: str, entries: Mapping[str, ModelEntry]) -> HttpResponse:
        """The response for a path below a model's route. The edge sends it here if the model has no replica."""
        entry = next((each for each in entries.values() if f"{path}/".startswith(f"{each.route}/")), None)
        if entry is None:
            raise unknown_path(path, entries, lambda name: entries[name].route)
        if path == entry.route:
            return _json_response(request, entry.as_json())
        if path == f"{entry.route}/ready" and entry.state == "READY":
            # Scaled to zero: the next request starts a replica.
            return _json_response(request, {"ready": True})
        raise not_ready(entry)


def _entry_at(route: str, entries: Mapping[str, ModelEntry]) -> ModelEntry | None:
    return next((entry for entry in entries.values() if entry.route == route), None)


def _tensorflow_response(request: HttpRequest, path: str, entry: ModelEntry) -> HttpResponse:
    if path == f"/v1/models/{entry.name}" and entry.state == "READY":
        # Scaled to zero: the next request starts a replica.
        return _json_response(request, status(entry.name, entry.versions))
    raise not_ready(entry)


def _text_response(request: HttpRequest, text: str) -> HttpResponse:
    check_method(request, "GET")
    return HttpResponse(200, ((b"content-type", b"text/plain; charset=utf-8"),), text.encode())


def _json_response(request: HttpRequest, document: Mapping[str, object], status: int = 200) -> HttpResponse:
    check_method(request, "GET")
    return json_response(document, status)
