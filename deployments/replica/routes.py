"""Every path that a model answers, and what each does; the ASGI path looks here, the lane knows the hot ones already."""

import re
from collections.abc import Awaitable, Callable

from deployments.errors import ModelNotFound, UnsupportedMediaType
from deployments.lane.endpoint import Endpoint
from deployments.protocols.http import HttpRequest
from deployments.protocols.methods import check_method
from deployments.protocols.problem import JSON, HttpAnswer
from deployments.replica.description import describe
from deployments.replica.version import RunningVersion
from deployments.replica.versions import Versions
from deployments.replica.waiting import replied
from deployments.spec.model import ModelSpec

BELOW_ROUTE = r"(?:/versions/([^/]+))?(/predict|/ready)?/?"
HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
"""A Host header that may stand in a command which people paste into a shell."""

Answers = Callable[[HttpRequest, RunningVersion], Awaitable[HttpAnswer]]


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
        }

    def hot(self) -> dict[bytes, Endpoint]:
        """The exact paths of predict, and what answers there."""
        route = self._spec.url_path
        named = {f"{route}/versions/{number}/predict": each.predictor for number, each in self._versions}
        paths = {f"{route}/predict": self._versions.newest.predictor, **named}
        return {path.encode(): endpoint for path, endpoint in paths.items()}

    async def respond(self, request: HttpRequest) -> HttpAnswer:
        """Find the version and the endpoint, and answer."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"a model has no path {request.path!r}; see {self._spec.url_path}")
        version = self._versions.find(found[1])
        method, answer = self._endpoints[found[2] or ""]
        check_method(request, method)
        return await answer(request, version)

    async def _describe(self, request: HttpRequest, version: RunningVersion) -> HttpAnswer:
        host = request.headers.get(b"host", b"")
        origin = f"http://{host.decode()}" if HOST.fullmatch(host) else ""
        loaded = [each.loaded for _, each in self._versions]
        body = describe(self._spec, self.description, self._runtime, version.loaded, loaded, origin=origin)
        return HttpAnswer(200, (JSON,), body)

    async def _ready(self, request: HttpRequest, version: RunningVersion) -> HttpAnswer:
        return HttpAnswer(200, (JSON,), b'{"ready":true}')

    async def _predict(self, request: HttpRequest, version: RunningVersion) -> HttpAnswer:
        encoding = request.headers.get(b"content-encoding", b"identity")
        if encoding.lower() != b"identity":
            error = UnsupportedMediaType(
                f"content encoding {encoding.decode('latin-1')!r} is not taken; send the body as it is"
            )
            version.predictor.unread(error, request.request_id)
            raise error
        content_type = request.headers.get(b"content-type", b"")
        probabilities = request.flag("probabilities")
        made = await replied(
            lambda reply: version.predictor.start(
                request.body, content_type, (), reply, request.request_id, probabilities=probabilities
            )
        )
        return made.whole()
