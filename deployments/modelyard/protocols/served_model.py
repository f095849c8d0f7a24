"""A model as its protocols see it, and a protocol as the replica sees it."""

from dataclasses import dataclass

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.asgi import HttpStream
from modelyard.http.endpoint import Endpoint
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.versions import Versions


@dataclass(slots=True)
class ServedModel:
    """One model of a replica."""

    spec: ModelSpec
    """Replaced where limits, batching or the description change in place: read it for each request."""
    runtime: str
    versions: Versions

    @property
    def body_limit(self) -> int:
        """Largest request body, in bytes."""
        return self.spec.limits.body


class Routes:
    """The paths of one protocol for one model."""

    def endpoints(self) -> dict[bytes, Endpoint]:
        """The exact paths that the fast path answers. Called again when the default version or a label changes."""
        return {}

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Any request below the protocol's prefix that came by the ASGI path. Raises its error."""
        raise ModelNotFound(f"there is nothing at {request.path!r}")
