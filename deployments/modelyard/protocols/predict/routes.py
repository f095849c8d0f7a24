"""Every path that a model answers, and what each does; the ASGI path looks here, the lane knows the hot ones already."""

import re
from collections.abc import Awaitable, Callable
from functools import partial

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.asgi import HttpStream
from modelyard.http.endpoint import Endpoint
from modelyard.http.methods import check_method
from modelyard.http.problem import JSON, HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.codec_endpoint import CodecEndpoint
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.event_stream import event_stream
from modelyard.protocols.predict.model_page import describe
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.versions import Versions
from modelyard.protocols.waiting import await_response, read, respond_with
from modelyard.tensors import InferRequest, Tensors

BELOW_ROUTE = r"(?:/versions/([^/]+))?(/predict|/invocations|/stream|/ready)?/?"
HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
"""A Host header that may stand in a command which people paste into a shell."""

Answers = Callable[[HttpRequest, RunningVersion], Awaitable[HttpResponse | HttpStream]]


class ModelRoutes:
    """The paths below one model's route."""

    def __init__(self, spec: ModelSpec, runtime: str, versions: Versions) -> None:
        self.description = ""
        self._spec = spec
        self._runtime = runtime
        self._versions = versions
        self._paths = re.compile(re.escape(spec.url_path) + BELOW_ROUTE)
        self._endpoints: dict[str, tuple[str, Answers]] = {
            "": ("GET", self._describe),
            "/ready": ("GET", self._ready),
            "/predict": ("POST", self._predict),
            "/invocations": ("POST", self._invocations),
            "/stream": ("POST", self._stream),
        }
        self._invoked = {number: _invocations(each) for number, each in versions}

    def hot(self) -> dict[bytes, Endpoint]:
        """The exact paths that are respond_with for predictions, and what answers there."""
        hot: dict[bytes, Endpoint] = {}
        below = {"": self._versions.default}
        below |= {f"/versions/{name}": version for name, version in self._versions.named.items()}
        for path, version in below.items():
            root, number = f"{self._spec.url_path}{path}", version.loaded.served.number
            hot[f"{root}/predict".encode()] = version.predictor
            hot[f"{root}/invocations".encode()] = self._invoked[number]
        return hot

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Find the version and the endpoint, and answer."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"a model has no path {request.path!r}; see {self._spec.url_path}")
        version = self._versions.find(found[1])
        method, answer = self._endpoints[found[2] or ""]
        check_method(request, method)
        return await answer(request, version)

    async def _describe(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        host = request.headers.get(b"host", b"")
        # The edge writes this one, and lets no client's through.
        scheme = "https" if request.headers.get(b"x-forwarded-proto") == b"https" else "http"
        origin = f"{scheme}://{host.decode()}" if HOST.fullmatch(host) else ""
        body = describe(self._spec, self.description, self._runtime, version.loaded, self._versions, origin=origin)
        return HttpResponse(200, (JSON,), body)

    async def _ready(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return HttpResponse(200, (JSON,), b'{"ready":true}')

    async def _predict(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        body = await read(request, version.predictor, self._spec.limits.body)
        content_type = request.headers.get(b"content-type", b"")
        headers = tuple(request.headers.items())
        probabilities = request.flag("probabilities")
        made = await await_response(
            lambda reply: version.predictor.start(
                body, content_type, headers, reply, request.request_id, probabilities=probabilities
            )
        )
        return made.to_http_response()

    async def _invocations(self, request: HttpRequest, version: RunningVersion) -> HttpResponse:
        return await respond_with(request, self._invoked[version.loaded.served.number], self._spec.limits.body)

    async def _stream(self, request: HttpRequest, version: RunningVersion) -> HttpStream:
        content_type = request.headers.get(b"content-type", b"")
        options = {"probabilities": request.flag("probabilities")}

        async def decode(body: bytes) -> tuple[InferRequest, Callable[[Tensors], bytes]]:
            call = await version.decoder.decode(DecodeJob("predict.decode", body, (content_type,), options))
            return call.request, partial(version.predictor.codec.encode, call)

        limit = self._spec.limits.body
        return await event_stream(version, "stream", request, decode, limit=limit, error_kind=b"error")


def _invocations(version: RunningVersion) -> Endpoint:
    def described(body: bytes, content_type: bytes) -> DecodeJob:
        return DecodeJob("invocations.decode", body, (content_type,))

    codec, recorder = version.loaded.codecs.invocations, version.recorders["invocations"]
    return CodecEndpoint(
        codec.decode, described, codec.encode, server=version.server, recorder=recorder, decoder=version.decoder
    )
