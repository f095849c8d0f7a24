"""Every path that a model answers, and what each does; the ASGI path looks here, the lane knows the hot ones already."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

from deployments.errors import MethodNotAllowed, ModelNotFound, UnsupportedMediaType
from deployments.lane.endpoint import Begun, Made, Reply
from deployments.protocols.http import HttpRequest
from deployments.protocols.problem import JSON, HttpAnswer
from deployments.replica.description import describe
from deployments.replica.version import RunningVersion
from deployments.spec.model import ModelSpec

BELOW_ROUTE = r"(?:/versions/([^/]+))?(/predict|/ready)?/?"
HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
"""A Host header that may stand in a command which people paste into a shell."""

Endpoint = Callable[[HttpRequest, RunningVersion], Awaitable[HttpAnswer]]


class ModelRoutes:
    """The paths below one model's route."""

    def __init__(self, spec: ModelSpec, runtime: str, versions: Mapping[int, RunningVersion]) -> None:
        self.description = ""
        self._spec = spec
        self._runtime = runtime
        self._versions = versions
        """Newest first; the first answers where no version is named."""
        self._named = {str(number): version for number, version in versions.items()}
        self._paths = re.compile(re.escape(spec.url_path) + BELOW_ROUTE)
        self._endpoints: dict[str, tuple[str, Endpoint]] = {
            "": ("GET", self._describe),
            "/ready": ("GET", self._ready),
            "/predict": ("POST", self._predict),
        }

    def hot_paths(self) -> dict[str, RunningVersion]:
        """The exact paths of predict, with the version that answers on each."""
        route = self._spec.url_path
        newest = next(iter(self._versions.values()))
        named = {f"{route}/versions/{number}/predict": version for number, version in self._versions.items()}
        return {f"{route}/predict": newest, **named}

    async def respond(self, request: HttpRequest) -> HttpAnswer:
        """Find the version and the endpoint, and answer."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"a model has no path {request.path!r}; see {self._spec.url_path}")
        version = self._version(found[1])
        method, endpoint = self._endpoints[found[2] or ""]
        if request.method != method and not (method == "GET" and request.method == "HEAD"):
            error = MethodNotAllowed(f"{request.path} takes {method}, not {request.method}")
            error.allow = (method,) if method == "POST" else (method, "HEAD")
            raise error
        return await endpoint(request, version)

    def _version(self, text: str | None) -> RunningVersion:
        if text is None:
            return next(iter(self._versions.values()))
        version = self._named.get(text)
        if version is None:
            served = ", ".join(self._named)
            raise ModelNotFound(f"model {self._spec.name!r} has no version {text!r} here; served: {served}")
        return version

    async def _describe(self, request: HttpRequest, version: RunningVersion) -> HttpAnswer:
        host = request.headers.get(b"host", b"")
        origin = f"http://{host.decode()}" if HOST.fullmatch(host) else ""
        loaded = [each.loaded for each in self._versions.values()]
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
        made = await _answer(
            lambda reply: version.predictor.start(
                request.body, content_type, (), reply, request.request_id, probabilities=probabilities
            )
        )
        return made.whole()


async def _answer(start: Callable[[Reply], Begun]) -> Made:
    """What an endpoint replies. Raises its error; whoever stops waiting cancels the request."""
    outcome: asyncio.Future[Made] = asyncio.get_running_loop().create_future()

    def reply(result: Made | Exception) -> None:
        if outcome.done():
            return
        if isinstance(result, Exception):
            outcome.set_exception(result)
        else:
            outcome.set_result(result)

    begun = start(reply)
    try:
        return await outcome
    except asyncio.CancelledError:
        begun.cancel()
        raise
