"""`ModelInfer`: one message to its version's model server and back. Streams of such messages go through here too."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.config.model_spec import Limits, ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.endpoint import CancelHandle, Header, Reply
from modelyard.http.http1 import WholeResponse
from modelyard.inference.deadline import WithTimeout
from modelyard.inference.pending_request import Done as Answered
from modelyard.inference.recorder import Recorder, RequestContext
from modelyard.inference.scheduler import Scheduler
from modelyard.protocols.answering import as_callback
from modelyard.protocols.grpc.codec import GrpcInferCodec, InferCall
from modelyard.protocols.grpc.frames import only_message
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.request_template import RequestTemplateCache
from modelyard.protocols.grpc.timeout import timeout_s
from modelyard.protocols.grpc.unary import UnaryResponse, failure, of_headers
from modelyard.protocols.versions import Versions
from modelyard.tensors import Tensors

METHOD = methods(INFERENCE)["ModelInfer"]
PROTOCOL = "grpc"
"""As metrics have it."""
Done = Callable[[Any], None]
"""Gets a ModelInferResponse or an Exception, once."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A decoded message, and who answers it."""

    server: Scheduler
    codec: GrpcInferCodec
    call: InferCall
    recorder: Recorder

    def again(self, inputs: Tensors) -> "Asked":
        """The same with other values of the same shapes."""
        return Asked(self.server, self.codec, self.call.again(inputs), self.recorder)


class GrpcInferEndpoint:
    """The endpoint of ModelInfer, for all versions of a model."""

    def __init__(self, spec: ModelSpec, versions: Versions, loop: asyncio.AbstractEventLoop) -> None:
        self.name = spec.name
        self.configure(spec.limits)
        self._versions = versions
        self._alike: RequestTemplateCache[Asked] = RequestTemplateCache()
        self._loop = loop

    def configure(self, limits: Limits) -> None:
        """Apply these to the messages that come from now on."""
        self.limit_bytes = limits.body
        self._timeout_s = limits.timeout_s

    def forget(self) -> None:
        """Read each message anew: another version may be the default now."""
        self._alike = RequestTemplateCache()

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """See `Endpoint`."""
        context = self.context(request_id, len(body), headers)
        encoding, timeout = of_headers(headers)
        within_s = self._within_s(timeout, context) if timeout else None
        found = self._alike.find(body)
        if found is None:
            asked = self._unlike(body, encoding, context)
        else:
            like, inputs = found
            asked = like.again(inputs)
            context.recorder = asked.recorder
        call, write = asked.call, asked.codec.answer
        return self._begin(
            asked, context, as_callback(lambda answer: UnaryResponse(write(call, answer.outputs)), reply), within_s
        )

    def read(self, message: Any, context: RequestContext) -> Asked:
        """What a ModelInferRequest asks for. Raises what is wrong with it, which is noted."""
        try:
            if message.model_name != self.name:
                raise ModelNotFound(f"this call has reached model {self.name!r}, not {message.model_name!r}")
            version = self._versions.find(message.model_version or None)
            context.recorder = version.recorders[PROTOCOL]
            codec = version.loaded.codecs.grpc
            return Asked(version.server, codec, codec.decode(message), context.recorder)
        except Exception as error:
            self._refuse(context, error)
            raise

    def submit(self, asked: Asked, context: RequestContext, done: Done) -> CancelHandle:
        """Begin with what was read; `done` is called once, perhaps before this returns, unless it is cancelled."""
        return self._begin(
            asked, context, as_callback(lambda answer: asked.codec.encode(asked.call, answer.outputs), done)
        )

    def context(self, request_id: str, body_bytes: int, headers: Sequence[Header] = ()) -> RequestContext:
        """Of a request that has just come in; until it says otherwise it is one for the default version."""
        default = self._versions.default
        return default.server.open_requests.context(default.recorders[PROTOCOL], request_id, body_bytes, headers)

    def unread(self, error: Exception, request_id: str) -> None:
        """See `Endpoint`."""
        self._refuse(self.context(request_id, 0), error)

    def refusal(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        """In trailers."""
        return failure(error, request_id)

    def _within_s(self, timeout: bytes, context: RequestContext) -> float:
        try:
            return timeout_s(timeout)
        except Exception as error:
            self._refuse(context, error)
            raise

    def _unlike(self, body: bytes, encoding: bytes, context: RequestContext) -> Asked:
        """What is asked by a message that none before was like."""
        try:
            message = METHOD.read(only_message(body, encoding, self.limit_bytes))
        except Exception as error:
            self._refuse(context, error)
            raise
        asked = self.read(message, context)
        self._alike.remember(body, message, asked.call.slots, asked)
        return asked

    def _begin(
        self, asked: Asked, context: RequestContext, answered: Answered, within_s: float | None = None
    ) -> CancelHandle:
        """The shortest holds of the model's time-out, the message's own and `within_s`."""
        request, own_s = asked.call.request, asked.call.timeout_s
        limit_s = min(within_s or self._timeout_s, own_s or self._timeout_s)
        if limit_s >= self._timeout_s:
            return asked.server.submit(request, answered, context)
        return WithTimeout(asked.server, request, answered, context, timeout_s=limit_s, loop=self._loop)

    def _refuse(self, context: RequestContext, error: Exception) -> None:
        self._versions.default.server.open_requests.refuse(context, error)
