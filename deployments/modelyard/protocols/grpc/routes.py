"""The gRPC methods on one model: infer, and whether it is ready, what it is, how it is configured."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from modelyard.http.endpoint import Endpoint, StreamEndpoint
from modelyard.protocols.grpc.endpoint import METHOD as INFER
from modelyard.protocols.grpc.endpoint import GrpcInferEndpoint
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.stream_endpoint import METHOD as STREAM_INFER
from modelyard.protocols.grpc.stream_endpoint import InferOther, stream_infer
from modelyard.protocols.grpc.unary import UnaryEndpoint
from modelyard.protocols.oip.metadata import config_of, metadata_of
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import Routes, ServedModel

Describe = Callable[[RunningVersion], dict[str, Any]]
"""From the version that a message names to the response, in its JSON form."""


class GrpcRoutes(Routes):
    """By the path of each method. A message names a version by number or label; "" is the default."""

    def __init__(self, model: ServedModel) -> None:
        super().__init__(model)
        self.infer = GrpcInferEndpoint(model)
        self._described: list[UnaryEndpoint] = []
        self._describe: Mapping[str, Describe] = {
            "ModelReady": lambda version: {"ready": True},
            "ModelMetadata": lambda version: metadata_of(model, version),
            "ModelConfig": lambda version: {"config": config_of(model, version)},
        }

    def endpoints(self) -> dict[bytes, Endpoint]:
        """See `Routes`."""
        self.infer.forget()
        all_ = methods(INFERENCE)
        described = {all_[name].path: self._description(name, describe) for name, describe in self._describe.items()}
        self._described = [*(each for each in self._described if each.open_requests), *described.values()]
        return {**described, INFER.path: self.infer}

    @property
    def open_requests(self) -> int:
        """Calls of the methods other than infer that have begun and have no response."""
        return sum([endpoint.open_requests for endpoint in self._described])  # a list is quicker than a generator

    def streams(self, arrived: Callable[[], None], others: InferOther) -> dict[bytes, StreamEndpoint]:
        """The method whose request and response are streams; see `stream_infer`."""
        return {STREAM_INFER.path: stream_infer(self.infer, arrived, others)}

    def _description(self, name: str, describe: Describe) -> UnaryEndpoint:
        method = methods(INFERENCE)[name]
        model = self._model  # not `self`: a reference cycle would keep a closed model's parts in memory

        async def respond(message: Any, request_id: str) -> bytes:
            version = model.versions.find(message.version or None)
            response: bytes = ParseDict(describe(version), method.response()).SerializeToString()
            return response

        return UnaryEndpoint(method, respond, limit_bytes=model.spec.limits.body)
