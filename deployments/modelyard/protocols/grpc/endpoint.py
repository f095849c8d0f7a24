"""`ModelInfer`: one message to its version's service and back. The messages of streams are decoded and submitted here too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.errors import ModelNotFound
from modelyard.http.endpoint import Header, Reply
from modelyard.http.http1 import WholeResponse
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.inference.service import CancelHandle
from modelyard.protocols.endpoint import submit
from modelyard.protocols.grpc.call_headers import encoding_and_timeout, timeout_s
from modelyard.protocols.grpc.codec import GrpcInferCodec, GrpcRequest
from modelyard.protocols.grpc.frames import only_message
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.request_template import RequestTemplateCache
from modelyard.protocols.grpc.unary import UnaryResponse, failure_response
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import ServedModel
from modelyard.tensors import InferRequest, Tensors

METHOD = methods(INFERENCE)["ModelInfer"]
PROTOCOL = "grpc"
"""The label in the metrics."""


@dataclass(slots=True)
class DecodedMessage:
    """A decoded message, and the version that answers it."""

    version: RunningVersion
    codec: GrpcInferCodec
    grpc_request: GrpcRequest
    timeout_s: float | None
    """The shorter of the message's own and the call's."""

    @property
    def request(self) -> InferRequest:
        """What the model is given."""
        return self.grpc_request.request

    def with_inputs(self, inputs: Tensors) -> "DecodedMessage":
        """The same with other values of the same shapes."""
        return DecodedMessage(self.version, self.codec, self.grpc_request.with_inputs(inputs), self.timeout_s)


class GrpcInferEndpoint:
    """The `Endpoint` of ModelInfer, for all versions of a model."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self.name = model.spec.name
        self._versions = model.versions
        self._templates: RequestTemplateCache[DecodedMessage] = RequestTemplateCache()

    @property
    def limit_bytes(self) -> int:
        """Of a message."""
        return self._model.body_limit

    def forget(self) -> None:
        """Decode each message in full again: another version may be the default now."""
        self._templates = RequestTemplateCache()

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """See `Endpoint`."""
        context = self.context(request_id, len(body), headers)
        try:
            encoding, timeout = encoding_and_timeout(headers)
            limit_s = timeout_s(timeout) if timeout else None
            decoded = self._decode(body, encoding, context)
        except Exception as error:
            self._reject(context, error)
            raise
        if limit_s is not None:
            decoded.timeout_s = min(limit_s, decoded.timeout_s or limit_s)
        return submit(decoded.version.service, decoded, context, _respond, reply)

    def read(self, message: Any, context: RequestContext) -> DecodedMessage:
        """Decode a ModelInferRequest. Raises what is wrong with it, which is recorded."""
        try:
            return self._read(message, context)
        except Exception as error:
            self._reject(context, error)
            raise

    def submit(self, decoded: DecodedMessage, context: RequestContext, write: Callable[[Any], object]) -> CancelHandle:
        """`write` gets a ModelInferResponse or an exception once, perhaps before this returns, unless it is cancelled."""
        return submit(decoded.version.service, decoded, context, _message, write)

    def context(self, request_id: str, body_bytes: int, headers: Sequence[Header] = ()) -> RequestContext:
        """Of a request that was just received; it counts for the default version until it names another."""
        default = self._versions.default
        return default.scheduler.open_requests.context(default.recorders[PROTOCOL], request_id, body_bytes, headers)

    def reject(self, error: Exception, request_id: str) -> None:
        """See `Endpoint`."""
        self._reject(self.context(request_id, 0), error)

    def error_response(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        """In trailers."""
        return failure_response(error, request_id)

    def _decode(self, body: bytes, encoding: bytes, context: RequestContext) -> DecodedMessage:
        found = self._templates.find(body)
        if found is not None:
            template, inputs = found
            context.recorder = template.version.recorders[PROTOCOL]
            return template.with_inputs(inputs)
        message = METHOD.read(only_message(body, encoding, self.limit_bytes))
        decoded = self._read(message, context)
        self._templates.remember(body, message, decoded.grpc_request.slots, decoded)
        return decoded.with_inputs(decoded.request.inputs)

    def _read(self, message: Any, context: RequestContext) -> DecodedMessage:
        if message.model_name != self.name:
            raise ModelNotFound(f"this call has reached model {self.name!r}, not {message.model_name!r}")
        version = self._versions.find(message.model_version or None)
        context.recorder = version.recorders[PROTOCOL]
        codec = version.loaded.codecs.grpc
        grpc_request = codec.decode(message)
        return DecodedMessage(version, codec, grpc_request, grpc_request.timeout_s)

    def _reject(self, context: RequestContext, error: Exception) -> None:
        self._versions.default.scheduler.open_requests.reject(context, error)


def _respond(decoded: DecodedMessage, response: InferResponse) -> UnaryResponse:
    return UnaryResponse(decoded.codec.encode_bytes(decoded.grpc_request, response.outputs))


def _message(decoded: DecodedMessage, response: InferResponse) -> Any:
    return decoded.codec.encode(decoded.grpc_request, response.outputs)
