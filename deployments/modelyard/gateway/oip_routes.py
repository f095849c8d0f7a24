"""The paths of the Open Inference Protocol that are about the whole server, and those of models without a replica."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from modelyard.errors import InvalidRequest, ModelNotFound, NotSupported
from modelyard.gateway.catalogue import ModelEntry, find_model, not_ready, required_not_ready
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.gateway.repository_api import RepositoryApi
from modelyard.http.problem import HttpResponse, json_response
from modelyard.http.request import HttpRequest, check_method
from modelyard.protocols.oip.server_metadata import repository_index, server_metadata
from modelyard.protocols.predict.body import parse_json
from modelyard.protocols.values.bad_values import invalid_value
from modelyard.text.quoting import described

Entries = Mapping[str, ModelEntry]
Handler = Callable[[HttpRequest, Entries], Awaitable[HttpResponse]]

MODEL_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/[^/]+)?(/ready)?(?:/.*)?")
STATISTICS_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/stats")
REPOSITORY_PATH = re.compile(r"/v2/repository/models/([^/]+)/(load|unload)")
SHARED_MEMORY_PATH = re.compile(r"/v2/(?:system|cuda)sharedmemory(?:/region/([^/]+))?/(status|register|unregister)")


class OipServerRoutes:
    """All paths below /v2 that reach the gateway."""

    def __init__(self, statistics: ModelStatistics, repository: RepositoryApi) -> None:
        self._statistics = statistics
        self._repository = repository
        self._paths: Mapping[str, tuple[Sequence[str], Handler]] = {
            "/v2": (("GET",), _metadata),
            "/v2/health/ready": (("GET",), _ready),
            "/v2/models": (("GET",), _models),
            "/v2/models/stats": (("GET",), self._stats),
            "/v2/repository/index": (("POST",), _index),
            "/v2/trace/setting": (("GET", "POST"), _no_tracing),
            "/v2/logging": (("GET", "POST"), _no_logging),
        }

    async def respond(self, request: HttpRequest, path: str, entries: Entries) -> HttpResponse:
        """The response. `path` has no trailing slash. The caller converts errors to the form of the protocol."""
        if path in self._paths:
            methods, handler = self._paths[path]
            check_method(request, *methods)
            return await handler(request, entries)
        if found := REPOSITORY_PATH.fullmatch(path):
            check_method(request, "POST")
            return await self._load_or_unload(found[1], found[2], request.body)
        if found := SHARED_MEMORY_PATH.fullmatch(path):
            return _shared_memory(request, found[1], found[2])
        if found := STATISTICS_PATH.fullmatch(path):
            check_method(request, "GET")
            return json_response(await self._statistics.of_one(found[1], found[2] or "", entries))
        if found := MODEL_PATH.fullmatch(path):
            return _model_response(request, found[1], found[2], entries)
        raise ModelNotFound(f"there is no path {path!r}")

    async def _stats(self, request: HttpRequest, entries: Entries) -> HttpResponse:
        return json_response(await self._statistics.of_all(entries))

    async def _load_or_unload(self, name: str, action: str, body: bytes) -> HttpResponse:
        document = _document(body)
        if action == "load":
            await self._repository.load(name, has_parameters=bool(document.get("parameters")))
        else:
            await self._repository.unload(name)
        return json_response({})


async def _metadata(request: HttpRequest, entries: Entries) -> HttpResponse:
    return json_response(server_metadata())


async def _ready(request: HttpRequest, entries: Entries) -> HttpResponse:
    ready = not required_not_ready(entries)
    return json_response({"ready": ready}, status=200 if ready else 503)


async def _models(request: HttpRequest, entries: Entries) -> HttpResponse:
    return json_response({"models": list(entries)})


async def _index(request: HttpRequest, entries: Entries) -> HttpResponse:
    return json_response(repository_index(entries.values(), ready_only=_ready_only(request.body)))


async def _no_tracing(request: HttpRequest, entries: Entries) -> HttpResponse:
    raise NotSupported("the server does not support tracing")


async def _no_logging(request: HttpRequest, entries: Entries) -> HttpResponse:
    raise NotSupported("the server does not support log settings")


def _model_response(request: HttpRequest, name: str, ready_path: str | None, entries: Entries) -> HttpResponse:
    entry = find_model(name, entries)
    if ready_path and entry.state == "READY":  # scaled to zero: the next request starts a replica
        check_method(request, "GET")
        return json_response({"name": name, "ready": True})
    raise not_ready(entry)


def _shared_memory(request: HttpRequest, region: str | None, action: str) -> HttpResponse:
    check_method(request, "GET" if action == "status" else "POST")
    if action != "status":
        raise NotSupported("the server does not support shared memory; send tensors in the request")
    if region is not None:
        raise ModelNotFound("there is no shared memory region: the server does not support shared memory")
    return json_response([])


def _ready_only(body: bytes) -> bool:
    ready = _document(body).get("ready", False)
    if type(ready) is not bool:
        raise invalid_value("/ready", f"expected true or false, got {described(ready)}")
    return ready


def _document(body: bytes) -> dict[str, Any]:
    """The object in the body. Triton's clients send an empty body if there are no parameters."""
    document = parse_json(body) if body.strip() else {}
    if type(document) is not dict:
        raise InvalidRequest(f"expected an object, got {described(document)}")
    return document
