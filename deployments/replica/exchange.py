"""An endpoint made of two functions: what a body asks for, and how the answer is written."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from deployments.errors import ModelyardError
from deployments.lane.endpoint import Header, Reply
from deployments.lane.http1 import Whole
from deployments.protocols.http import server_timing
from deployments.protocols.problem import JSON, HttpAnswer
from deployments.serving.asgi import answer_error
from deployments.serving.recorder import Recorder
from deployments.serving.server import ModelServer
from deployments.serving.ticket import Answer, Ticket
from deployments.tensors import InferRequest, Tensors


class Call(Protocol):
    """A decoded request, and whatever else its answer needs."""

    @property
    def request(self) -> InferRequest: ...


CallT = TypeVar("CallT", bound=Call)
Decode = Callable[[bytes, bytes], CallT]
"""Body and content type; raises what is wrong with them."""
Encode = Callable[[CallT, Tensors], bytes]


class Exchange(Generic[CallT]):
    """Answers with JSON, for one served version; an `Endpoint`."""

    def __init__(self, decode: Decode[CallT], encode: Encode[CallT], server: ModelServer, recorder: Recorder) -> None:
        self._decode = decode
        self._encode = encode
        self._server = server
        self._recorder = recorder

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> Ticket:
        """See `Endpoint`."""
        ledger = self._server.ledger
        origin = ledger.origin(self._recorder, request_id, len(body), headers)
        try:
            call = self._decode(body, content_type)
        except Exception as error:
            ledger.refuse(origin, error)
            raise

        def done(answer: Answer | ModelyardError) -> Exception | None:
            if not isinstance(answer, Answer):
                reply(answer)
                return None
            try:
                encoded = self._encode(call, answer.outputs)
            except Exception as error:  # noqa: BLE001 - a model's output that cannot be written is this request's alone
                reply(error)
                return error
            timing = server_timing(answer.queue_s, answer.batch_rows, answer.compute_s)
            reply(Whole(HttpAnswer(200, (JSON, (b"server-timing", timing)), encoded)))
            return None

        return self._server.submit(call.request, done, origin)

    def unread(self, error: Exception, request_id: str) -> None:
        """See `Endpoint`."""
        ledger = self._server.ledger
        ledger.refuse(ledger.origin(self._recorder, request_id), error)

    def refusal(self, error: Exception, request_id: str, path: str) -> Whole:
        """In the form of the path's protocol."""
        return Whole(answer_error(error, request_id, path))
