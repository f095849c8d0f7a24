"""An endpoint made of two functions: what a body asks for, and how the answer is written."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from modelyard.http.endpoint import CancelHandle, Header, Reply
from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import JSON, HttpResponse
from modelyard.http.request import server_timing
from modelyard.inference.pending_request import InferResponse, PendingRequest
from modelyard.inference.recorder import Recorder, RequestContext
from modelyard.inference.scheduler import Scheduler
from modelyard.protocols.answering import BaseEndpoint, as_callback
from modelyard.protocols.decoder.job import LARGE_BYTES, DecodeJob
from modelyard.protocols.decoder.process import Decoder
from modelyard.tensors import InferRequest, Tensors


class DecodedRequest(Protocol):
    """A decoded request, and whatever else its answer needs."""

    @property
    def request(self) -> InferRequest: ...


CallT = TypeVar("CallT", bound=DecodedRequest)
Decode = Callable[[bytes, bytes], CallT]
"""Body and content type; raises what is wrong with them."""
Described = Callable[[bytes, bytes], DecodeJob]
"""How the same is done elsewhere."""
Encode = Callable[[CallT, Tensors], bytes]


class CodecEndpoint(BaseEndpoint, Generic[CallT]):
    """Answers with JSON, for one served version; an `Endpoint`."""

    def __init__(
        self,
        decode: Decode[CallT],
        described: Described,
        encode: Encode[CallT],
        *,
        server: Scheduler,
        recorder: Recorder,
        decoder: Decoder,
    ) -> None:
        super().__init__(server, recorder, decoder)
        self._decode = decode
        self._described = described
        self._encode = encode

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """See `Endpoint`."""
        open_requests = self.server.open_requests
        context = open_requests.context(self._recorder, request_id, len(body), headers)
        if len(body) > LARGE_BYTES:
            decoding = self._described(body, content_type)
            return self._begin_large(decoding, partial(self._submit, context), reply, context)
        try:
            call = self._decode(body, content_type)
        except Exception as error:
            open_requests.refuse(context, error)
            raise
        return self._submit(context, call, reply)

    def _submit(self, context: RequestContext, call: CallT, reply: Reply) -> PendingRequest:
        def made(answer: InferResponse) -> WholeResponse:
            encoded = self._encode(call, answer.outputs)
            timing = server_timing(answer.queue_s, answer.batch_rows, answer.compute_s)
            return WholeResponse(HttpResponse(200, (JSON, (b"server-timing", timing)), encoded))

        return self.server.submit(call.request, as_callback(made, reply), context)
