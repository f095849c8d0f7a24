"""The Open Inference Protocol's paths of one model; what is the whole server's is the gateway's."""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InvalidRequest, ModelNotFound, NotSupported
from modelyard.http.asgi import HttpStream
from modelyard.http.endpoint import Endpoint
from modelyard.http.methods import check_method
from modelyard.http.problem import JSON, HttpResponse, json_response
from modelyard.http.request import HttpRequest
from modelyard.protocols.awaiting import whole
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.event_stream import Decode, event_stream
from modelyard.protocols.oip.codec import HEADER_LENGTH
from modelyard.protocols.oip.endpoint import infer_decoding
from modelyard.protocols.oip.metadata import model_config, model_metadata
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.versions import Versions
from modelyard.protocols.waiting import await_response, decoded, read
from modelyard.tensors import InferRequest, Tensors

BELOW_MODEL = r"(?:/versions/([^/]+))?(?:/(infer|infer_stream|generate|generate_stream|ready|config|trace/setting))?/?"

Answers = Callable[[HttpRequest, RunningVersion], Awaitable[HttpResponse | HttpStream]]


class OipRoutes:
    """Everything below /v2/models/<name>."""

    def __init__(self, spec: ModelSpec, runtime: str, versions: Versions) -> None:
        self._spec = spec
        self._runtime = runtime
        self._versions = versions
        self._root = f"/v2/models/{spec.name}"
        self._paths = re.compile(re.escape(self._root) + BELOW_MODEL)
        self._endpoints: Mapping[str, tuple[str, Answers]] = {
            "": ("GET", self._metadata),
            "ready": ("GET", self._ready),
            "config": ("GET", self._config),
            "trace/setting": ("GET", self._trace),
            "infer": ("POST", self._infer),
            "infer_stream": ("POST", self._infer_stream),
            "generate": ("POST", self._generate),
            "generate_stream": ("POST", self._generate_stream),
        }

    def hot(self) -> dict[bytes, Endpoint]:
        """The exact paths of infer, and what answers there."""
        named = {f"{self._root}/versions/{name}/infer": each.infer for name, each in self._versions.named.items()}
        paths = {f"{self._root}/infer": self._versions.default.infer, **named}
        return {path.encode(): endpoint for path, endpoint in paths.items()}

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Find the version and the endpoint, and answer."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"model {self._spec.name!r} has no path {request.path!r}; see {self._root}")
        version = self._versions.find(found[1])
        method, answer = self._endpoints[found[2] or ""]
        if found[2] != "trace/setting":
            check_method(request, method)
        return await answer(request, version)

    async def _metadata(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        loaded = version.loaded
        return json_response(
            model_metadata(
                self._spec.name,
                self._runtime,
                self._versions.numbers,
                loaded.model.signature,
                batched=loaded.warmup.batchable,
            )
        )

    async def _ready(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return json_response({"name": self._spec.name, "ready": True})

    async def _config(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        loaded = version.loaded
        batched = loaded.warmup.batchable
        parts = version.server.generations is not None
        return json_response(
            model_config(self._spec, self._runtime, loaded.model.signature, batched=batched, decoupled=parts)
        )

    async def _trace(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        raise NotSupported("the server does not support tracing")

    async def _infer(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        body = await read(request, version.infer, self._spec.limits.body)
        headers = tuple(request.headers.items())
        made = await await_response(lambda reply: version.infer.start(body, b"", headers, reply, request.request_id))
        return made.to_http_response()

    async def _infer_stream(self, request: HttpRequest, version: RunningVersion) -> HttpStream:
        """MLServer's: an infer request, and events with an answer for each part."""
        codec = version.loaded.codecs.infer

        header_length = request.headers.get(HEADER_LENGTH.lower().encode(), b"")

        async def decode(body: bytes) -> tuple[InferRequest, Callable[[Tensors], bytes]]:
            call = await version.decoder.decode(infer_decoding(body, header_length))
            if any(wish.binary for wish in call.wishes):
                raise InvalidRequest("events hold JSON: raw contents cannot be asked for here")
            return call.request, lambda outputs: codec.encode(call, outputs).body

        return await event_stream(version, "oip", request, decode, limit=self._spec.limits.body)

    async def _generate(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        open_requests = version.server.open_requests
        headers = tuple(request.headers.items())
        context = open_requests.context(version.recorders["generate"], request.request_id, len(request.body), headers)
        try:
            asked, encode = await self._generating(version)(await decoded(request, self._spec.limits.body))
        except Exception as error:
            open_requests.refuse(context, error)
            raise
        return HttpResponse(200, (JSON,), await whole(version.server, asked, context, encode))

    async def _generate_stream(self, request: HttpRequest, version: RunningVersion) -> HttpStream:
        decode = self._generating(version)
        return await event_stream(version, "generate", request, decode, limit=self._spec.limits.body)

    def _generating(self, version: RunningVersion) -> Decode:
        encode = version.loaded.codecs.generate.encode

        async def decode(body: bytes) -> tuple[InferRequest, Callable[[Tensors], bytes]]:
            call = await version.decoder.decode(DecodeJob("generate.decode", body))
            return call.request, partial(encode, call)

        return decode
