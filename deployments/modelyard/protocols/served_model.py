"""A model as its protocols see it, and a protocol as the replica sees it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.asgi import HttpStream
from modelyard.http.endpoint import Endpoint
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.versions import VersionNames, Versions


@dataclass(slots=True)
class ServedModel:
    """One model of a replica."""

    spec: ModelSpec
    """Replaced where limits, batching or the description change in place: read it for each request."""
    runtime: str
    versions: Versions
    successor: Callable[[], Awaitable["ServedModel"]] | None = None
    """Set when this model takes no further requests: finds what serves the model instead. Raises why nothing does."""

    @property
    def body_limit(self) -> int:
        """Largest request body, in bytes."""
        return self.spec.limits.body


class Routes:
    """The paths of one protocol for one model."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model

    @classmethod
    def paths(cls, spec: ModelSpec, names: VersionNames) -> dict[bytes, tuple[int, str]]:
        """The exact paths of this model alone that the fast path answers, each with its version's number and its verb."""
        return {}

    def endpoints(self) -> dict[bytes, Endpoint]:
        """The endpoints of `paths`, and those of paths that name no model. Called again when the names of versions change."""
        paths = self.paths(self._model.spec, self._model.versions.names)
        return {path: self._endpoint(number, verb) for path, (number, verb) in paths.items()}

    def _endpoint(self, number: int, verb: str) -> Endpoint:
        """The endpoint of one of `paths`."""
        raise KeyError(verb)

    async def respond(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Any request below the protocol's prefix that came by the ASGI path. Raises its error."""
        raise ModelNotFound(f"there is nothing at {request.path!r}")


def paths_below(root: str, versions: Mapping[str, int], verbs: Sequence[str]) -> dict[bytes, tuple[int, str]]:
    """Each version's path below a root with each verb. `versions` are numbers by path; see `Routes.paths`."""
    return {f"{root}{path}{verb}".encode(): (number, verb) for path, number in versions.items() for verb in verbs}
