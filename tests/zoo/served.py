"""Serves a case as a replica does: loads its files, warms it up, and handles requests on every route; without Ray or sockets."""

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import cast

from modelyard.config.model_spec import ModelSpec
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.running_version import run_version
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.loading import load_version
from modelyard.repository.digest import ManifestEntry, digest
from modelyard.repository.resolve import ServedVersion
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.tensors import Signature
from tests.zoo.case import Case

NAME = "m"
INFER = methods(INFERENCE)["ModelInfer"]
LIMITS = {"timeout_s": 120, "queue": 10_000}


def load(case: Case) -> LoadedVersion:
    """Load as `modelyard validate --deep` and a replica do. Raises what they raise, with the reason for the operator."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, NAME, "1")
        folder.mkdir(parents=True)
        for name, content in case.files.items():
            (folder / name).write_bytes(content)
        lines = [
            ManifestEntry(name, len(content), hashlib.sha256(content).hexdigest())
            for name, content in case.files.items()
        ]
        return load_version(spec_of(case), case.runtime, Path(root), ServedVersion(1, digest(lines)))


def spec_of(case: Case) -> ModelSpec:
    """The YAML of a case."""
    return ModelSpec.model_validate({"name": NAME, "limits": LIMITS, **case.yaml})


class Served:
    """Handles requests for one loaded version, on the running loop."""

    def __init__(self, case: Case, loaded: LoadedVersion) -> None:
        loop = asyncio.get_running_loop()
        spec = spec_of(case)
        self._version = run_version(loaded, spec, loop, RequestLog(NAME, RequestLogConfig(Path("/nowhere"), 0.0)))
        self._routes = Dispatch(spec, case.runtime, {1: self._version})
        self.signature: Signature = loaded.model.signature

    async def http(self, path: str, body: bytes, query: str = "", **headers: str) -> HttpResponse:
        """The response to a POST. Underscores in header names become hyphens. Raises the request's error."""
        lines = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        request = HttpRequest("POST", path, query.encode(), lines, body, "zoo")
        return cast(HttpResponse, await self._routes.respond(request))

    async def grpc(self, message: bytes) -> bytes:
        """The response to a ModelInferRequest. Raises the request's error."""
        return await self._routes.grpc(INFER.path, message, "zoo")

    def close(self) -> None:
        """Stop the model's thread."""
        self._version.scheduler.close()
