"""The other methods on one model: whether it is ready, what it is, how it is configured."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from deployments.lane.endpoint import Endpoint
from deployments.lane.grpc import Unary
from deployments.protocols.grpc.messages import INFERENCE, methods
from deployments.protocols.oip.about import model_config, model_metadata
from deployments.replica.version import RunningVersion
from deployments.replica.versions import Versions
from deployments.spec.model import ModelSpec

Answer = Callable[[RunningVersion], dict[str, Any]]
"""The response, as JSON has it."""


class GrpcModel:
    """Answers by the version that a message names."""

    def __init__(self, spec: ModelSpec, runtime: str, versions: Versions) -> None:
        self._spec = spec
        self._runtime = runtime
        self._versions = versions
        self._answers: Mapping[str, Answer] = {
            "ModelReady": lambda version: {"ready": True},
            "ModelMetadata": self._metadata,
            "ModelConfig": self._config,
        }

    def endpoints(self) -> dict[bytes, Endpoint]:
        """By the path of each method."""
        all_ = methods(INFERENCE)
        return {all_[name].path: self._endpoint(name, answer) for name, answer in self._answers.items()}

    def _endpoint(self, name: str, answer: Answer) -> Unary:
        method = methods(INFERENCE)[name]

        async def answered(message: Any) -> Any:
            document = answer(self._versions.find(message.version or None))
            return ParseDict(document, method.response())

        return Unary(method, answered, limit_bytes=self._spec.limits.body)

    def _metadata(self, version: RunningVersion) -> dict[str, Any]:
        signature = version.loaded.model.signature
        return model_metadata(self._spec.name, self._runtime, self._versions.numbers, signature)

    def _config(self, version: RunningVersion) -> dict[str, Any]:
        loaded = version.loaded
        batched = loaded.warmup.batchable
        return {"config": model_config(self._spec, self._runtime, loaded.model.signature, batched=batched)}
