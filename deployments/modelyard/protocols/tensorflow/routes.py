"""TensorFlow Serving's paths of one model."""

import re
from collections.abc import Mapping

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.endpoint import Endpoint
from modelyard.http.problem import HttpResponse, json_response
from modelyard.http.request import HttpRequest, check_method
from modelyard.protocols.awaiting import respond_with
from modelyard.protocols.endpoint import CodecEndpoint
from modelyard.protocols.json_operation import JsonOperation
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import Routes, ServedModel, paths_below
from modelyard.protocols.tensorflow.metadata import metadata, status
from modelyard.protocols.versions import VersionNames

BELOW_MODEL = r"(?:/versions/([^/:]+)|/labels/([^/:]+))?(:predict|:classify|:regress|/metadata)?/?"


class TensorflowRoutes(Routes):
    """Everything at and below /v1/models/<name>."""

    def __init__(self, model: ServedModel) -> None:
        super().__init__(model)
        self._name = model.spec.name
        self._root = _root(self._name)
        self._paths = re.compile(re.escape(self._root) + BELOW_MODEL)
        self._versions = model.versions
        self._endpoints = {number: _endpoints(version) for number, version in model.versions}

    @classmethod
    def paths(cls, spec: ModelSpec, names: VersionNames) -> dict[bytes, tuple[int, str]]:
        """See `Routes`."""
        labels = {f"/labels/{name}": number for name, number in names.labels.items()}
        return paths_below(_root(spec.name), names.by_path() | labels, (":predict", ":classify", ":regress"))

    def _endpoint(self, number: int, verb: str) -> Endpoint:
        return self._endpoints[number][verb]

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """See `Routes`."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"model {self._name!r} has no path {request.path!r}; see {self._root}")
        named, label, verb = found[1], found[2], found[3] or ""
        version = self._versions.labelled(label) if label else self._versions.find(named)
        if verb.startswith(":"):
            check_method(request, "POST")
            return await respond_with(request, self._endpoints[version.number][verb], self._model.body_limit)
        check_method(request, "GET")
        if verb:
            document = metadata(self._name, version.number, version.loaded.model.signature)
        else:
            document = status(self._name, [version.number] if named or label else self._versions.numbers)
        return json_response(document)


def _root(name: str) -> str:
    return f"/v1/models/{name}"


def _endpoints(version: RunningVersion) -> Mapping[str, Endpoint]:
    codec = version.loaded.codecs.tensorflow
    decoders = {"predict": codec.predict, "classify": codec.classify, "regress": codec.regress}
    return {
        f":{verb}": CodecEndpoint(JsonOperation(f"tensorflow.{verb}", decode, codec.encode), version, "tfserving")
        for verb, decode in decoders.items()
    }
