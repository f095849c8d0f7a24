"""Whether a model of a pool that is not loaded is ready: such a question, which clients repeat all the time, loads nothing."""

import re

from modelyard.config.model_spec import ModelSpec
from modelyard.http.problem import HttpResponse, json_response
from modelyard.http.request import HttpRequest, check_method
from modelyard.protocols.oip.routes import BELOW_MODEL as OIP_PATH
from modelyard.protocols.predict.routes import BELOW_ROUTE as ROUTE_PATH
from modelyard.protocols.tensorflow.metadata import status
from modelyard.protocols.tensorflow.routes import BELOW_MODEL as TENSORFLOW_PATH
from modelyard.protocols.versions import VersionNames, unknown_label, unknown_version

_OIP, _TENSORFLOW, _ROUTE = re.compile(OIP_PATH), re.compile(TENSORFLOW_PATH), re.compile(ROUTE_PATH)


def readiness(request: HttpRequest, spec: ModelSpec, names: VersionNames) -> HttpResponse | None:
    """The response of a ready model to a question whether it is; None for other requests. Raises its error.

    It is the one that the loaded model gives at the same path.
    """
    name, path = spec.name, request.path
    if path.startswith(root := f"/v2/models/{name}"):
        found = _OIP.fullmatch(path, len(root))
        if found is None or found[2] != "ready":
            return None
        check_version(name, names, found[1])
        document = {"name": name, "ready": True}
    elif path.startswith(root := f"/v1/models/{name}"):
        found = _TENSORFLOW.fullmatch(path, len(root))
        if found is None or found[3]:
            return None
        document = status(name, _numbers(name, names, found[1], found[2]))
    else:
        found = _ROUTE.fullmatch(path, len(spec.url_path))
        if found is None or found[2] != "/ready":
            return None
        check_version(name, names, found[1])
        document = {"ready": True}
    check_method(request, "GET")
    return json_response(document)


def check_version(model: str, names: VersionNames, text: str | None) -> None:
    """Raise ModelNotFound if no version has this number or label. None is the default."""
    if text is not None and text not in names.named:
        raise unknown_version(model, text, names.named)


def _numbers(model: str, names: VersionNames, version: str | None, label: str | None) -> list[int]:
    if label:
        if label not in names.labels:
            raise unknown_label(model, label, names.labels)
        return [names.labels[label]]
    check_version(model, names, version)
    return [names.named[version]] if version else [*names.numbers]
