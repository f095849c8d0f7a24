"""`POST /v2/models/<name>/infer` on one version: decode, submit, encode. The lane and the ASGI path both go through here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from modelyard.http.compression import WORTH_BYTES, Coding, deflated, wanted
from modelyard.http.endpoint import CancelHandle, Header, Reply
from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import HttpResponse
from modelyard.http.request import server_timing
from modelyard.inference.deadline import WithTimeout
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import Recorder, RequestContext
from modelyard.inference.scheduler import Scheduler
from modelyard.protocols.answering import BaseEndpoint, as_callback
from modelyard.protocols.decoder.job import LARGE_BYTES, DecodeJob
from modelyard.protocols.decoder.process import Decoder
from modelyard.protocols.oip.codec import HEADER_LENGTH, InferCall, InferCodec, raw_bytes

OFF_THE_LOOP_BYTES = 2**16
"""Longer answers are compressed in a thread: a millisecond, in which a loop answers many others."""
_HEADER_LENGTH = HEADER_LENGTH.lower().encode()


@dataclass(frozen=True, slots=True)
class OipResponse:
    """A request's whole outcome: the body and where its time went."""

    body: bytes
    json_length: int | None
    coding: Coding | None
    timing: bytes
    """The `Server-Timing` value."""

    def to_http1(self, request_id: str, more: bytes) -> bytes:
        """See `endpoint.Made`."""
        return WholeResponse(self.to_http_response()).to_http1(request_id, more)

    def to_http_response(self) -> HttpResponse:
        """See `endpoint.Made`."""
        return HttpResponse(200, self._headers(), self.body)

    def _headers(self) -> tuple[Header, ...]:
        timing = (b"server-timing", self.timing)
        coding = ((b"content-encoding", self.coding.encode()),) if self.coding else ()
        if self.json_length is None:
            return ((b"content-type", b"application/json"), timing, *coding)
        length = (_HEADER_LENGTH, b"%d" % self.json_length)
        return ((b"content-type", b"application/octet-stream"), length, timing, *coding)


class InferEndpoint(BaseEndpoint):
    """Answers infer requests for one served version; on the lane it is the `Endpoint` of its hot paths."""

    def __init__(self, codec: InferCodec, server: Scheduler, recorder: Recorder, decoder: Decoder) -> None:
        super().__init__(server, recorder, decoder)
        self.codec = codec
        self._loop = decoder.loop

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """See `Endpoint`. The content type is not looked at: Triton's client sends none."""
        header_length = accept = b""
        for name, value in headers:
            if name == _HEADER_LENGTH:
                header_length = value
            elif name == b"accept-encoding":
                accept = value
        context = self.server.open_requests.context(self._recorder, request_id, len(body), headers)
        coding = wanted(accept) if accept else None
        if len(body) > LARGE_BYTES and (decoding := infer_decoding(body, header_length)).large:
            return self._begin_large(decoding, partial(self._submit, context, coding), reply, context)
        try:
            call = self.codec.decode(body, header_length)
        except Exception as error:
            self.server.open_requests.refuse(context, error)
            raise
        return self._submit(context, coding, call, reply)

    def _submit(self, context: RequestContext, coding: Coding | None, call: InferCall, reply: Reply) -> CancelHandle:
        done = as_callback(partial(self._made, call), partial(self._tell, coding, reply))
        if call.timeout_s is None:
            return self.server.submit(call.request, done, context)
        return WithTimeout(self.server, call.request, done, context, timeout_s=call.timeout_s, loop=self._loop)

    def _made(self, call: InferCall, answer: InferResponse) -> OipResponse:
        encoded = self.codec.encode(call, answer.outputs)
        timing = server_timing(answer.queue_s, answer.batch_rows, answer.compute_s)
        return OipResponse(encoded.body, encoded.json_length, None, timing)

    def _tell(self, coding: Coding | None, reply: Reply, made: OipResponse | Exception) -> None:
        if isinstance(made, Exception) or coding is None or len(made.body) < WORTH_BYTES:
            reply(made)
        elif len(made.body) < OFF_THE_LOOP_BYTES:
            reply(_compressed(made, coding))
        else:
            compressing = self._loop.run_in_executor(None, _compressed, made, coding)
            compressing.add_done_callback(lambda done: reply(done.result()))


def infer_decoding(body: bytes, header_length: bytes) -> DecodeJob:
    """How an infer request is decoded."""
    return DecodeJob("infer.decode", body, (header_length,), raw_bytes=raw_bytes(body, header_length))


def _compressed(made: OipResponse, coding: Coding) -> OipResponse:
    return replace(made, body=deflated(made.body, coding), coding=coding)
