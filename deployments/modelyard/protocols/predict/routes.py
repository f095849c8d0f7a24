"""The paths below one model's route: predict, invocations, stream, readiness and the model's page."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.asgi import HttpStream
from modelyard.http.endpoint import Endpoint
from modelyard.http.problem import JSON, HttpResponse
from modelyard.http.request import HttpRequest, check_method
from modelyard.protocols.awaiting import respond_with
from modelyard.protocols.endpoint import CodecEndpoint
from modelyard.protocols.event_stream import event_stream
from modelyard.protocols.predict.codec import PredictRequest
from modelyard.protocols.predict.endpoint import (
    EventsOperation,
    InvocationsOperation,
    PredictOperation,
    PredictResponse,
)
from modelyard.protocols.predict.model_page import describe
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import Routes, ServedModel, paths_below
from modelyard.protocols.versions import VersionNames

BELOW_ROUTE = r"(?:/versions/([^/]+))?(/predict|/invocations|/stream|/ready)?/?"
HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
"""A Host header that is safe in a command which people paste into a shell."""

Respond = Callable[[Any, HttpRequest, RunningVersion], Awaitable[HttpResponse | HttpStream]]


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """Of one version."""

    predict: CodecEndpoint[PredictRequest, PredictResponse]
    probabilities: CodecEndpoint[PredictRequest, PredictResponse]
    """The same with the scores of all classes."""
    invocations: Endpoint


class PredictRoutes(Routes):
    """Everything at and below a model's route, of each of its versions."""

    def __init__(self, model: ServedModel) -> None:
        super().__init__(model)
        self._route = model.spec.url_path
        self._versions = model.versions
        self._paths = re.compile(re.escape(self._route) + BELOW_ROUTE)
        self._endpoints = {number: _endpoints(version) for number, version in model.versions}

    @classmethod
    def paths(cls, spec: ModelSpec, names: VersionNames) -> dict[bytes, tuple[int, str]]:
        """See `Routes`."""
        return paths_below(spec.url_path, names.by_path(), ("/predict", "/invocations"))

    def _endpoint(self, number: int, verb: str) -> Endpoint:
        own = self._endpoints[number]
        return own.predict if verb == "/predict" else own.invocations

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """See `Routes`."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"a model has no path {request.path!r}; see {self._route}")
        version = self._versions.find(found[1])
        method, respond = self._responders[found[2] or ""]
        check_method(request, method)
        return await respond(self, request, version)

    async def _describe(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        host = request.headers.get(b"host", b"")
        # The edge sets this header, and removes a client's own.
        scheme = "https" if request.headers.get(b"x-forwarded-proto") == b"https" else "http"
        origin = f"{scheme}://{host.decode()}" if HOST.fullmatch(host) else ""
        body = describe(self._model.spec, self._model.runtime, version.loaded, self._versions, origin=origin)
        return HttpResponse(200, (JSON,), body)

    async def _ready(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return HttpResponse(200, (JSON,), b'{"ready":true}')

    async def _predict(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        own = self._endpoints[version.number]
        endpoint = own.probabilities if request.flag("probabilities") else own.predict
        return await respond_with(request, endpoint, self._model.body_limit)

    async def _invocations(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return await respond_with(request, self._endpoints[version.number].invocations, self._model.body_limit)

    async def _stream(self, request: HttpRequest, version: RunningVersion) -> HttpStream:
        codec = version.loaded.codecs.predict
        operation = EventsOperation(codec, probabilities=request.flag("probabilities"))
        endpoint = CodecEndpoint(operation, version, "stream")
        limit = self._model.body_limit
        return await event_stream(endpoint, codec.encode, request, limit=limit, error_event=b"error")

    # Functions, because bound methods would be a reference cycle that keeps a model in memory after its last request.
    _responders: Mapping[str, tuple[str, Respond]] = {
        "": ("GET", _describe),
        "/ready": ("GET", _ready),
        "/predict": ("POST", _predict),
        "/invocations": ("POST", _invocations),
        "/stream": ("POST", _stream),
    }


def _endpoints(version: RunningVersion) -> _Endpoints:
    codecs = version.loaded.codecs
    return _Endpoints(
        CodecEndpoint(PredictOperation(codecs.predict), version, "predict"),
        CodecEndpoint(PredictOperation(codecs.predict, probabilities=True), version, "predict"),
        CodecEndpoint(InvocationsOperation(codecs.invocations), version, "invocations"),
    )
