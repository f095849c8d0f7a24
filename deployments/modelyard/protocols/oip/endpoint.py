"""`POST /v2/models/<name>/infer` on one version."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from modelyard.http.compression import MIN_COMPRESSED_BYTES, OFF_THE_LOOP_BYTES, Coding, compress, requested_coding
from modelyard.http.endpoint import Header
from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import HttpResponse
from modelyard.http.request import last_header, server_timing
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.service import CancelHandle
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.endpoint import CodecEndpoint
from modelyard.protocols.oip.codec import HEADER_LENGTH, InferCodec, OipRequest, raw_bytes

_HEADER_LENGTH = HEADER_LENGTH.lower().encode()


@dataclass(frozen=True, slots=True)
class OipResponse:
    """See `endpoint.Response`."""

    body: bytes
    json_length: int | None
    """Bytes of the JSON at the body's start; None where there is nothing behind it."""
    timing: bytes
    """The `Server-Timing` value."""
    coding: Coding | None = None

    def to_http1(self, request_id: str, extra_headers: bytes) -> bytes:
        """See `endpoint.Response`."""
        return WholeResponse(self.to_http_response()).to_http1(request_id, extra_headers)

    def to_http_response(self) -> HttpResponse:
        """See `endpoint.Response`."""
        return HttpResponse(200, self._headers(), self.body)

    def _headers(self) -> tuple[Header, ...]:
        timing = (b"server-timing", self.timing)
        coding = ((b"content-encoding", self.coding.encode()),) if self.coding else ()
        if self.json_length is None:
            return ((b"content-type", b"application/json"), timing, *coding)
        length = (_HEADER_LENGTH, b"%d" % self.json_length)
        return ((b"content-type", b"application/octet-stream"), length, timing, *coding)


class InferOperation:
    """See `endpoint.Operation`. The content type is ignored: Triton's client sends none."""

    def __init__(self, codec: InferCodec) -> None:
        self._codec = codec

    def decode(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> OipRequest:
        """See `Operation`."""
        return self._codec.decode(body, last_header(headers, _HEADER_LENGTH))

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """See `Operation`."""
        header_length = last_header(headers, _HEADER_LENGTH)
        return DecodeJob("infer.decode", body, (header_length,), raw_bytes=raw_bytes(body, header_length))

    def respond(self, decoded: OipRequest, response: InferResponse) -> OipResponse:
        """See `Operation`."""
        encoded = self._codec.encode(decoded, response.outputs)
        timing = server_timing(response.queue_s, response.batch_rows, response.compute_s)
        return OipResponse(encoded.body, encoded.json_length, timing)


class InferEventsOperation(InferOperation):
    """The same for events, which hold JSON alone."""

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """See `Operation`."""
        return replace(super().job(body, content_type, headers), method="infer.decode_for_json")


class InferEndpoint(CodecEndpoint[OipRequest, OipResponse]):
    """Compresses responses for clients that name one content coding, as Triton's do."""

    def start(
        self,
        body: bytes,
        content_type: bytes,
        headers: Sequence[Header],
        reply: Callable[[OipResponse | Exception], None],
        request_id: str,
    ) -> CancelHandle:
        """See `Endpoint`."""
        accept = last_header(headers, b"accept-encoding")
        if accept and (coding := requested_coding(accept)) is not None:
            reply = _compressing(reply, coding, self._decoder.loop)
        return super().start(body, content_type, headers, reply, request_id)


def _compressing(
    reply: Callable[[OipResponse | Exception], None], coding: Coding, loop: asyncio.AbstractEventLoop
) -> Callable[[OipResponse | Exception], None]:
    def compressed_reply(response: OipResponse | Exception) -> None:
        if isinstance(response, Exception) or len(response.body) < MIN_COMPRESSED_BYTES:
            reply(response)
        elif len(response.body) < OFF_THE_LOOP_BYTES:
            reply(_compressed(response, coding))
        else:
            compressing = loop.run_in_executor(None, _compressed, response, coding)
            compressing.add_done_callback(lambda done: reply(done.result()))

    return compressed_reply


def _compressed(response: OipResponse, coding: Coding) -> OipResponse:
    return replace(response, body=compress(response.body, coding), coding=coding)
