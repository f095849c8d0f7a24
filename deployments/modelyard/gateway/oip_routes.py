"""The Open Inference Protocol's paths that are the whole server's, and those of models that have no replica."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from modelyard.errors import InvalidRequest, ModelNotFound, NotSupported
from modelyard.gateway.catalogue import Entry, waiting_for
from modelyard.gateway.model_errors import find, not_ready
from modelyard.gateway.repository_api import check_load, no_unload
from modelyard.gateway.statistics import Statistics
from modelyard.http.methods import check_method
from modelyard.http.problem import HttpResponse, json_response
from modelyard.http.request import HttpRequest
from modelyard.protocols.oip.server_metadata import repository_index, server_metadata
from modelyard.protocols.predict.body import parse_json
from modelyard.protocols.values.bad_values import invalid_value
from modelyard.text.quoting import described

Entries = Mapping[str, Entry]
Answers = Callable[[HttpRequest, Entries], Awaitable[HttpResponse]]

OF_A_MODEL = re.compile(r"/v2/models/([^/]+)(?:/versions/[^/]+)?(/ready)?(?:/.*)?")
STATISTICS = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/stats")
CONTROL = re.compile(r"/v2/repository/models/([^/]+)/(load|unload)")
SHARED_MEMORY = re.compile(r"/v2/(?:system|cuda)sharedmemory(?:/region/([^/]+))?/(status|register|unregister)")


class OipServerRoutes:
    """Everything below /v2 that comes to the gateway."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._paths: Mapping[str, tuple[Sequence[str], Answers]] = {
            "/v2": (("GET",), _metadata),
            "/v2/health/ready": (("GET",), _ready),
            "/v2/models": (("GET",), _models),
            "/v2/models/stats": (("GET",), self._stats),
            "/v2/repository/index": (("POST",), _index),
            "/v2/trace/setting": (("GET", "POST"), _no_tracing),
            "/v2/logging": (("GET", "POST"), _no_logging),
        }

    async def respond(self, request: HttpRequest, path: str, entries: Entries) -> HttpResponse:
        """The answer; `path` has no slash at its end. Raises what is to be told in the protocol's form."""
        if path in self._paths:
            methods, answer = self._paths[path]
            check_method(request, *methods)
            return await answer(request, entries)
        if found := CONTROL.fullmatch(path):
            check_method(request, "POST")
            return _control(found[1], found[2], request.body, entries)
        if found := SHARED_MEMORY.fullmatch(path):
            return _shared_memory(request, found[1], found[2])
        if found := STATISTICS.fullmatch(path):
            check_method(request, "GET")
            return json_response(await self._statistics.of_one(found[1], found[2] or "", entries))
        if found := OF_A_MODEL.fullmatch(path):
            return _of_a_model(request, found[1], found[2], entries)
        raise ModelNotFound(f"nothing answers {path!r}")

    async def _stats(self, request: HttpRequest, entries: Entries) -> HttpResponse:
        return json_response(await self._statistics.of_all(entries))


async def _metadata(request: HttpRequest, entries: Entries) -> HttpResponse:
    return json_response(server_metadata())


async def _ready(request: HttpRequest, entries: Entries) -> HttpResponse:
    missing = waiting_for(entries)
    return json_response({"ready": not missing}, status=503 if missing else 200)


async def _models(request: HttpRequest, entries: Entries) -> HttpResponse:
    return json_response({"models": list(entries)})


async def _index(request: HttpRequest, entries: Entries) -> HttpResponse:
    return json_response(repository_index(entries.values(), ready_only=_ready_only(request.body)))


async def _no_tracing(request: HttpRequest, entries: Entries) -> HttpResponse:
    raise NotSupported("the server does not support tracing")


async def _no_logging(request: HttpRequest, entries: Entries) -> HttpResponse:
    raise NotSupported("the server does not tell or change over HTTP what it logs")


def _of_a_model(request: HttpRequest, name: str, asks_ready: str | None, entries: Entries) -> HttpResponse:
    entry = find(name, entries)
    if asks_ready and entry.state == "READY":  # scaled to zero: the next request starts a replica
        check_method(request, "GET")
        return json_response({"name": name, "ready": True})
    raise not_ready(entry)


def _control(name: str, action: str, body: bytes, entries: Entries) -> HttpResponse:
    if action == "unload":
        raise no_unload(name, entries)
    check_load(name, bool(_document(body).get("parameters")), entries)
    return json_response({})


def _shared_memory(request: HttpRequest, region: str | None, action: str) -> HttpResponse:
    check_method(request, "GET" if action == "status" else "POST")
    if action != "status":
        raise NotSupported("the server does not support shared memory; send tensors in the request")
    if region is not None:
        raise ModelNotFound("there is no shared memory region: the server does not support shared memory")
    return json_response([])


def _ready_only(body: bytes) -> bool:
    wanted = _document(body).get("ready", False)
    if type(wanted) is not bool:
        raise invalid_value("/ready", f"expected true or false, got {described(wanted)}")
    return wanted


def _document(body: bytes) -> dict[str, Any]:
    """The body's object; clients of Triton send none where they have nothing to say."""
    document = parse_json(body) if body.strip() else {}
    if type(document) is not dict:
        raise InvalidRequest(f"expected an object, got {described(document)}")
    return document
