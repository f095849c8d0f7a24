"""`POST .../predict` on one version: decode, submit, encode. The lane and the ASGI path both go through here."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from modelyard.http.endpoint import CancelHandle, Header, Reply
from modelyard.http.problem import HttpResponse
from modelyard.http.request import server_timing
from modelyard.inference.pending_request import InferResponse, PendingRequest
from modelyard.inference.recorder import Recorder, RequestContext
from modelyard.inference.scheduler import Scheduler
from modelyard.protocols.answering import BaseEndpoint, as_callback
from modelyard.protocols.decoder.job import LARGE_BYTES, DecodeJob
from modelyard.protocols.decoder.process import Decoder
from modelyard.protocols.predict.codec import PredictCall, PredictCodec


@dataclass(slots=True)
class PredictResponse:
    """A request's whole outcome: the body and where its time went."""

    body: bytes
    queue_s: float
    batch_rows: int
    compute_s: float
    media: str = "application/json"

    @property
    def timing(self) -> bytes:
        """The `Server-Timing` value."""
        return server_timing(self.queue_s, self.batch_rows, self.compute_s)

    def to_http1(self, request_id: str, more: bytes) -> bytes:
        """See `endpoint.Made`."""
        return (
            b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n"
            b"content-length: %d\r\nserver-timing: %b\r\nx-request-id: %b\r\n%b\r\n%b"
        ) % (self.media.encode(), len(self.body), self.timing, request_id.encode(), more, self.body)

    def to_http_response(self) -> HttpResponse:
        """See `endpoint.Made`."""
        content_type = (b"content-type", self.media.encode())
        return HttpResponse(200, (content_type, (b"server-timing", self.timing)), self.body)


class PredictEndpoint(BaseEndpoint):
    """Answers predict requests for one served version; on the lane it is the `Endpoint` of its hot paths."""

    def __init__(self, codec: PredictCodec, server: Scheduler, recorder: Recorder, decoder: Decoder) -> None:
        super().__init__(server, recorder, decoder)
        self.codec = codec

    def start(
        self,
        body: bytes,
        content_type: bytes,
        headers: Sequence[Header],
        reply: Reply,
        request_id: str,
        *,
        probabilities: bool = False,
    ) -> CancelHandle:
        """See `Endpoint`. The reply is a PredictResponse or an error."""
        accept = b""
        for name, value in headers:
            if name == b"accept":
                accept = value
        context = self.server.open_requests.context(self._recorder, request_id, len(body), headers)
        if len(body) > LARGE_BYTES:
            options = {"accept": accept, "probabilities": probabilities}
            decoding = DecodeJob("predict.decode", body, (content_type,), options)
            return self._begin_large(decoding, partial(self._submit, context), reply, context)
        try:
            call = self.codec.decode(body, content_type, accept=accept, probabilities=probabilities)
        except Exception as error:
            self.server.open_requests.refuse(context, error)
            raise
        return self._submit(context, call, reply)

    def _submit(self, context: RequestContext, call: PredictCall, reply: Reply) -> PendingRequest:
        encode = self.codec.encode

        def made(answer: InferResponse) -> PredictResponse:
            body = encode(call, answer.outputs)
            return PredictResponse(body, answer.queue_s, answer.batch_rows, answer.compute_s, call.media)

        return self.server.submit(call.request, as_callback(made, reply), context)
