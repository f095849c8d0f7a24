"""TensorFlow Serving's paths of one model."""

import re
from collections.abc import Mapping

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.endpoint import Endpoint
from modelyard.http.methods import check_method
from modelyard.http.problem import HttpResponse, json_response
from modelyard.http.request import HttpRequest
from modelyard.protocols.codec_endpoint import CodecEndpoint
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.tensorflow.codec import TensorflowCall
from modelyard.protocols.tensorflow.metadata import metadata, status
from modelyard.protocols.versions import Versions
from modelyard.protocols.waiting import respond_with

BELOW_MODEL = r"(?:/versions/([^/:]+)|/labels/([^/:]+))?(:predict|:classify|:regress|/metadata)?/?"


class TensorflowRoutes:
    """Everything at and below /v1/models/<name>."""

    def __init__(self, spec: ModelSpec, versions: Versions) -> None:
        self._name = spec.name
        self._body_limit = spec.limits.body
        self._root = f"/v1/models/{spec.name}"
        self._paths = re.compile(re.escape(self._root) + BELOW_MODEL)
        self._versions = versions
        self._endpoints = {number: _endpoints(each) for number, each in versions}

    def hot(self) -> dict[bytes, Endpoint]:
        """The exact paths that are respond_with for predictions, and what answers there."""
        hot: dict[bytes, Endpoint] = {}
        below = {"": self._versions.default}
        below |= {f"/versions/{name}": version for name, version in self._versions.named.items()}
        below |= {f"/labels/{name}": self._versions.labelled(name) for name in self._versions.labels}
        for path, version in below.items():
            for verb, endpoint in self._endpoints[version.loaded.served.number].items():
                hot[f"{self._root}{path}{verb}".encode()] = endpoint
        return hot

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Find the version and the endpoint, and answer."""
        found = self._paths.fullmatch(request.path)
        if found is None:
            raise ModelNotFound(f"model {self._name!r} has no path {request.path!r}; see {self._root}")
        named, label, verb = found[1], found[2], found[3] or ""
        version = self._versions.labelled(label) if label else self._versions.find(named)
        number = version.loaded.served.number
        if verb.startswith(":"):
            check_method(request, "POST")
            return await respond_with(request, self._endpoints[number][verb], self._body_limit)
        check_method(request, "GET")
        if verb:
            document = metadata(self._name, number, version.loaded.model.signature)
        else:
            document = status(self._name, [number] if named or label else self._versions.numbers)
        return json_response(document)


def _endpoints(version: RunningVersion) -> Mapping[str, Endpoint]:
    return {f":{verb}": _endpoint(version, verb) for verb in ("predict", "classify", "regress")}


def _endpoint(version: RunningVersion, verb: str) -> Endpoint:
    """The content type is not looked at: there is only JSON, and curl calls that a form."""
    codec, recorder = version.loaded.codecs.tensorflow, version.recorders["tfserving"]
    read = {"predict": codec.predict, "classify": codec.classify, "regress": codec.regress}[verb]

    def decode(body: bytes, content_type: bytes) -> TensorflowCall:
        return read(body)

    def described(body: bytes, content_type: bytes) -> DecodeJob:
        return DecodeJob(f"tensorflow.{verb}", body)

    return CodecEndpoint(
        decode, described, codec.encode, server=version.server, recorder=recorder, decoder=version.decoder
    )
