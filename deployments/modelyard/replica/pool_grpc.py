"""The gRPC methods of a pool: each message names its model, in its first field."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol

from modelyard.errors import ModelNotReady, PayloadTooLarge
from modelyard.http.endpoint import Endpoint, Header, Reply
from modelyard.http.http1 import WholeResponse
from modelyard.http.request import body_too_large
from modelyard.inference.service import CancelHandle
from modelyard.protocols.grpc.call_headers import encoding_and_timeout, timeout_s
from modelyard.protocols.grpc.frames import PREFIX, only_message
from modelyard.protocols.grpc.messages import INFERENCE, Method, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint, StreamRequest
from modelyard.protocols.grpc.stream_endpoint import METHOD as STREAM_INFER
from modelyard.protocols.grpc.stream_endpoint import InferOther, begin, forward_to
from modelyard.protocols.grpc.stream_responses import send_error
from modelyard.protocols.grpc.unary import UnaryEndpoint, failure_response
from modelyard.replica.cold_readiness import check_version
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.pooled_model import PooledModel, WaitingRequest

NAME_OF: Mapping[str, Callable[[Any], str]] = {
    "ModelInfer": attrgetter("model_name"),
    "ModelReady": attrgetter("name"),
    "ModelMetadata": attrgetter("name"),
    "ModelConfig": attrgetter("name"),
}
"""The unary methods on one model, and what reads its name from a message. It is field 1 of each message."""
READY_PATH = methods(INFERENCE)["ModelReady"].path
NAME_TAG = 0x0A
"""Of field 1: the field number times 8, plus 2 for length-prefixed bytes."""
TAG_AT, LENGTH_AT, NAME_AT = PREFIX.size, PREFIX.size + 1, PREFIX.size + 2
"""Offsets in a frame whose message begins with a name of less than 128 bytes."""


class Pool(Protocol):
    """The models of a pool, as its gRPC methods use it (`pool_dispatch.PoolDispatch`)."""

    unchecked_bytes: int
    """No model has a smaller limit for bodies."""
    body_limit: int
    """The largest limit for bodies of a model."""

    def named(self, name: str) -> PooledModel:
        """The model of this name. Raises ModelNotFound."""

    def get(self, name: str) -> PooledModel | None:
        """The model of this name; None if the pool has none."""

    @property
    def not_ready(self) -> Callable[[str], ModelNotReady | None]:
        """Why a request to a model that is not loaded would get an error; None if it would load the model."""


class PoolMethod:
    """The `Endpoint` of a unary method, for all models. It hands each call over to the endpoint of the model that it names."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool = pool
        self._method: Method = methods(INFERENCE)[name]
        self._name_of = NAME_OF[name]
        self.endpoints: dict[bytes, Endpoint] = {}
        """Of the loaded models, by name."""

    @property
    def path(self) -> bytes:
        """The method's path."""
        return self._method.path

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """See `Endpoint`."""
        if len(body) > LENGTH_AT and body[TAG_AT] == NAME_TAG and not body[0]:
            # A longer name has another form of length. The bytes found for it are no model's name.
            endpoint = self.endpoints.get(body[NAME_AT : NAME_AT + body[LENGTH_AT]])
            if endpoint is not None and len(body) <= self._pool.unchecked_bytes:
                return endpoint.start(body, content_type, headers, reply, request_id)
        return self._start_unusual(body, content_type, headers, reply, request_id)

    def reject(self, error: Exception, request_id: str) -> None:
        """Does nothing: the message that names the model is not complete."""

    def error_response(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        """In trailers."""
        return failure_response(error, request_id)

    def _start_unusual(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """A call whose message is large, compressed or in another order, or whose model is unknown or not loaded."""
        encoding, timeout = encoding_and_timeout(headers)
        model = self._pool.named(self._read_name(body, encoding))
        if len(body) > (limit := model.spec.limits.body):
            raise body_too_large(limit)

        def start(dispatch: Dispatch, finish: Reply) -> CancelHandle:
            return dispatch.grpc_endpoints[self._method.path].start(body, content_type, headers, finish, request_id)

        if model.dispatch is not None:
            return start(model.dispatch, reply)
        if self._method.path == READY_PATH:  # such a question loads nothing
            return UnaryEndpoint(self._method, self._ready, limit_bytes=limit).start(
                body, content_type, headers, reply, request_id
            )
        return WaitingRequest(model, start, reply, client_limit_s=timeout_s(timeout) if timeout else None)

    async def _ready(self, message: Any, request_id: str) -> bytes:
        model = self._pool.named(message.name)
        if model.names is not None:
            check_version(message.name, model.names, message.version or None)
        if (error := self._pool.not_ready(message.name)) is not None:
            raise error
        response: bytes = self._method.response(ready=True).SerializeToString()
        return response

    def _read_name(self, body: bytes, encoding: bytes) -> str:
        """The name in a message, without decoding the rest where it is the first field. Raises what is wrong with the message."""
        if len(body) > LENGTH_AT and body[TAG_AT] == NAME_TAG and not body[0]:
            name = body[NAME_AT : NAME_AT + body[LENGTH_AT]].decode("ascii", "replace")
            if self._pool.get(name) is not None:
                return name
        return self._name_of(self._method.read(only_message(body, encoding, self._pool.body_limit)))


def pool_stream(pool: Pool, arrived: Callable[[], None], others: InferOther) -> GrpcStreamEndpoint:
    """The endpoint of `ModelStreamInfer`, for all models: each message may name another one.

    `arrived` is called for every request to a model of the pool; messages for other models are forwarded to `others`.
    """

    def on_message(message: Any, stream_request: StreamRequest) -> CancelHandle | None:
        model = pool.get(message.model_name)
        if model is None:
            return forward_to(others, message, stream_request)
        arrived()
        if stream_request.message_bytes > (limit := model.spec.limits.body):
            raise PayloadTooLarge(f"the message is larger than the limit of {limit} bytes")
        if model.dispatch is not None:
            return begin(model.dispatch.infer, message, stream_request)

        def start(dispatch: Dispatch, finish: Callable[[Any], None]) -> CancelHandle | None:
            return begin(dispatch.infer, message, stream_request)

        def fail(error: Any) -> None:
            send_error(stream_request, error, message.id)

        return WaitingRequest(model, start, fail, only_wait=True)

    return GrpcStreamEndpoint(STREAM_INFER, on_message, limit_bytes=pool.body_limit)
