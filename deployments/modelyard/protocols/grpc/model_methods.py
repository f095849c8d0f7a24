"""The other methods on one model: whether it is ready, what it is, how it is configured."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from modelyard.config.model_spec import ModelSpec
from modelyard.http.endpoint import Endpoint
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.unary import Unary
from modelyard.protocols.oip.metadata import model_config, model_metadata
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.versions import Versions

Answer = Callable[[str], dict[str, Any]]
"""From the version that a message names to the response, as JSON has it."""


class GrpcModel:
    """Answers by the version that a message names, "" for the default one."""

    def __init__(self, spec: ModelSpec, runtime: str, versions: Versions) -> None:
        self._spec = spec
        self._runtime = runtime
        self._versions = versions
        self._answers: Mapping[str, Answer] = {
            "ModelReady": self._ready,
            "ModelMetadata": self._metadata,
            "ModelConfig": self._config,
        }

    def endpoints(self) -> dict[bytes, Endpoint]:
        """By the path of each method."""
        all_ = methods(INFERENCE)
        return {all_[name].path: self._endpoint(name, answer) for name, answer in self._answers.items()}

    def _endpoint(self, name: str, answer: Answer) -> Unary:
        method = methods(INFERENCE)[name]

        async def answered(message: Any, request_id: str) -> bytes:
            told: bytes = ParseDict(answer(message.version), method.response()).SerializeToString()
            return told

        return Unary(method, answered, limit_bytes=self._spec.limits.body)

    def _ready(self, version: str) -> dict[str, Any]:
        self._find(version)
        return {"ready": True}

    def _metadata(self, version: str) -> dict[str, Any]:
        loaded = self._find(version).loaded
        numbers, batched = self._versions.numbers, loaded.warmup.batchable
        return model_metadata(self._spec.name, self._runtime, numbers, loaded.model.signature, batched=batched)

    def _config(self, version: str) -> dict[str, Any]:
        found = self._find(version)
        signature, batched = found.loaded.model.signature, found.loaded.warmup.batchable
        parts = found.server.generations is not None
        return {"config": model_config(self._spec, self._runtime, signature, batched=batched, decoupled=parts)}

    def _find(self, version: str) -> RunningVersion:
        return self._versions.find(version or None)
