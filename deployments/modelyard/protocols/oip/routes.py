"""The Open Inference Protocol's paths of one model; those of the whole server are the gateway's."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.config.model_spec import ModelSpec
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
from modelyard.protocols.served_model import Routes, ServedModel, paths_below
from modelyard.protocols.versions import VersionNames

BELOW_MODEL = r"(?:/versions/([^/]+))?(?:/(infer|infer_stream|generate|generate_stream|ready|config|trace/setting))?/?"

Respond = Callable[[Any, HttpRequest, RunningVersion], Awaitable[HttpResponse | HttpStream]]


@dataclass(frozen=True, slots=True)
class _Endpoints:
    """Of one version."""

    infer: InferEndpoint
    infer_events: CodecEndpoint[Any, Any]
    generate: CodecEndpoint[GenerateRequest, Any]


class OipRoutes(Routes):
    """Everything at and below /v2/models/<name>."""

    def __init__(self, model: ServedModel) -> None:
        super().__init__(model)
        self._name = model.spec.name
        self._versions = model.versions
        self._root = _root(self._name)
        self._paths = re.compile(re.escape(self._root) + BELOW_MODEL)
        self._endpoints = {number: _endpoints(version) for number, version in model.versions}

    @classmethod
    def paths(cls, spec: ModelSpec, names: VersionNames) -> dict[bytes, tuple[int, str]]:
        """See `Routes`."""
        return paths_below(_root(spec.name), names.by_path(), ("/infer", "/generate"))

    def _endpoint(self, number: int, verb: str) -> Endpoint:
        own = self._endpoints[number]
        return own.infer if verb == "/infer" else own.generate

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """See `Routes`."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"model {self._name!r} has no path {request.path!r}; see {self._root}")
        version = self._versions.find(found[1])
        method, respond = self._responders[found[2] or ""]
        if found[2] != "trace/setting":
            check_method(request, method)
        return await respond(self, request, version)

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

    # Functions, because bound methods would be a reference cycle that keeps a model in memory after its last request.
    _responders: Mapping[str, tuple[str, Respond]] = {
        "": ("GET", _metadata),
        "ready": ("GET", _ready),
        "config": ("GET", _config),
        "trace/setting": ("GET", _trace),
        "infer": ("POST", _infer),
        "infer_stream": ("POST", _infer_stream),
        "generate": ("POST", _generate),
        "generate_stream": ("POST", _generate_stream),
    }


def _root(name: str) -> str:
    return f"/v2/models/{name}"


def _endpoints(version: RunningVersion) -> _Endpoints:
    codecs = version.loaded.codecs
    generate = JsonOperation("generate.decode", codecs.generate.decode, codecs.generate.encode)
    return _Endpoints(
        InferEndpoint(InferOperation(codecs.infer), version, "oip"),
        CodecEndpoint(InferEventsOperation(codecs.infer), version, "oip"),
        CodecEndpoint(generate, version, "generate"),
    )
