"""The Open Inference Protocol's paths of one model; those of the whole server are the gateway's."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.errors import ModelNotFound, NotSupported
from modelyard.http.asgi import HttpStream
from modelyard.http.endpoint import Endpoint
from modelyard.http.problem import HttpResponse, json_response
from modelyard.http.request import HttpRequest, check_method
from modelyard.protocols.awaiting import respond_with
from modelyard.protocols.endpoint import CodecEndpoint
from modelyard.protocols.event_stream import event_stream
from modelyard.protocols.json_operation import JsonOperation
from modelyard.protocols.oip.endpoint import InferEndpoint, InferEventsOperation, InferOperation
from modelyard.protocols.oip.generate import GenerateRequest
from modelyard.protocols.oip.metadata import config_of, metadata_of
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import Routes, ServedModel

BELOW_MODEL = r"(?:/versions/([^/]+))?(?:/(infer|infer_stream|generate|generate_stream|ready|config|trace/setting))?/?"

Respond = Callable[[HttpRequest, RunningVersion], Awaitable[HttpResponse | HttpStream]]


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """Of one version."""

    infer: InferEndpoint
    infer_events: CodecEndpoint[Any, Any]
    generate: CodecEndpoint[GenerateRequest, Any]


class OipRoutes(Routes):
    """Everything at and below /v2/models/<name>."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._name = model.spec.name
        self._versions = model.versions
        self._root = f"/v2/models/{self._name}"
        self._paths = re.compile(re.escape(self._root) + BELOW_MODEL)
        self._responders: Mapping[str, tuple[str, Respond]] = {
            "": ("GET", self._metadata),
            "ready": ("GET", self._ready),
            "config": ("GET", self._config),
            "trace/setting": ("GET", self._trace),
            "infer": ("POST", self._infer),
            "infer_stream": ("POST", self._infer_stream),
            "generate": ("POST", self._generate),
            "generate_stream": ("POST", self._generate_stream),
        }
        self._endpoints = {number: _endpoints(version) for number, version in model.versions}

    def endpoints(self) -> dict[bytes, Endpoint]:
        """See `Routes`."""
        paths: dict[bytes, Endpoint] = {}
        for path, version in self._versions.by_path().items():
            own = self._endpoints[version.number]
            paths[f"{self._root}{path}/infer".encode()] = own.infer
            paths[f"{self._root}{path}/generate".encode()] = own.generate
        return paths

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """See `Routes`."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"model {self._name!r} has no path {request.path!r}; see {self._root}")
        version = self._versions.find(found[1])
        method, respond = self._responders[found[2] or ""]
        if found[2] != "trace/setting":
            check_method(request, method)
        return await respond(request, version)

    async def _metadata(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return json_response(metadata_of(self._model, version))

    async def _ready(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return json_response({"name": self._name, "ready": True})

    async def _config(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return json_response(config_of(self._model, version))

    async def _trace(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        raise NotSupported("the server does not support tracing")

    async def _infer(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return await respond_with(request, self._endpoints[version.number].infer, self._model.body_limit)

    async def _infer_stream(self, request: HttpRequest, version: RunningVersion) -> HttpStream:
        """MLServer's: an infer request, answered with an event for each part."""
        endpoint, encode = self._endpoints[version.number].infer_events, version.loaded.codecs.infer.encode_json
        return await event_stream(endpoint, encode, request, limit=self._model.body_limit)

    async def _generate(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return await respond_with(request, self._endpoints[version.number].generate, self._model.body_limit)

    async def _generate_stream(self, request: HttpRequest, version: RunningVersion) -> HttpStream:
        endpoint, encode = self._endpoints[version.number].generate, version.loaded.codecs.generate.encode
        return await event_stream(endpoint, encode, request, limit=self._model.body_limit)


def _endpoints(version: RunningVersion) -> _Endpoints:
    codecs = version.loaded.codecs
    generate = JsonOperation("generate.decode", codecs.generate.decode, codecs.generate.encode)
    return _Endpoints(
        InferEndpoint(InferOperation(codecs.infer), version, "oip"),
        CodecEndpoint(InferEventsOperation(codecs.infer), version, "oip"),
        CodecEndpoint(generate, version, "generate"),
    )
