"""An endpoint made of two functions: what a body asks for, and how the answer is written."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from modelyard.http.endpoint import Begun, Header, Reply
from modelyard.http.http1 import Whole
from modelyard.http.problem import JSON, HttpAnswer
from modelyard.http.request import server_timing
from modelyard.inference.pending_request import Answer, Ticket
from modelyard.inference.recorder import Origin, Recorder
from modelyard.inference.scheduler import ModelServer
from modelyard.protocols.answering import Answering, answering
from modelyard.protocols.decoder.job import LARGE_BYTES, Decoding
from modelyard.protocols.decoder.process import Decoder
from modelyard.tensors import InferRequest, Tensors


class Call(Protocol):
    """A decoded request, and whatever else its answer needs."""

    @property
    def request(self) -> InferRequest: ...


CallT = TypeVar("CallT", bound=Call)
Decode = Callable[[bytes, bytes], CallT]
"""Body and content type; raises what is wrong with them."""
Described = Callable[[bytes, bytes], Decoding]
"""How the same is done elsewhere."""
Encode = Callable[[CallT, Tensors], bytes]


class Exchange(Answering, Generic[CallT]):
    """Answers with JSON, for one served version; an `Endpoint`."""

    def __init__(
        self,
        decode: Decode[CallT],
        described: Described,
        encode: Encode[CallT],
        *,
        server: ModelServer,
        recorder: Recorder,
        decoder: Decoder,
    ) -> None:
        super().__init__(server, recorder, decoder)
        self._decode = decode
        self._described = described
        self._encode = encode

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> Begun:
        """See `Endpoint`."""
        ledger = self.server.ledger
        origin = ledger.origin(self._recorder, request_id, len(body), headers)
        if len(body) > LARGE_BYTES:
            decoding = self._described(body, content_type)
            return self._begin_large(decoding, partial(self._submit, origin), reply, origin)
        try:
            call = self._decode(body, content_type)
        except Exception as error:
            ledger.refuse(origin, error)
            raise
        return self._submit(origin, call, reply)

    def _submit(self, origin: Origin, call: CallT, reply: Reply) -> Ticket:
        def made(answer: Answer) -> Whole:
            encoded = self._encode(call, answer.outputs)
            timing = server_timing(answer.queue_s, answer.batch_rows, answer.compute_s)
            return Whole(HttpAnswer(200, (JSON, (b"server-timing", timing)), encoded))

        return self.server.submit(call.request, answering(made, reply), origin)
