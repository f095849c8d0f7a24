"""The operations of `POST .../predict`, `.../stream` and `.../invocations` on one version."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.http.endpoint import Header
from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import HttpResponse
from modelyard.http.request import last_header, server_timing
from modelyard.inference.pending_request import InferResponse
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.json_operation import json_with_timing
from modelyard.protocols.predict.codec import InvocationsCodec, PredictCodec, PredictRequest


@dataclass(slots=True)
class PredictResponse:
    """A `Response` with its times; its head is written without a loop, as this is the path that most requests take."""

    body: bytes
    queue_s: float
    batch_rows: int
    compute_s: float
    media: str = "application/json"

    @property
    def timing(self) -> bytes:
        """The `Server-Timing` value."""
        return server_timing(self.queue_s, self.batch_rows, self.compute_s)

    def to_http1(self, request_id: str, extra_headers: bytes) -> bytes:
        """See `endpoint.Response`."""
        return (
            b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n"
            b"content-length: %d\r\nserver-timing: %b\r\nx-request-id: %b\r\n%b\r\n%b"
        ) % (self.media.encode(), len(self.body), self.timing, request_id.encode(), extra_headers, self.body)

    def to_http_response(self) -> HttpResponse:
        """See `endpoint.Response`."""
        content_type = (b"content-type", self.media.encode())
        return HttpResponse(200, (content_type, (b"server-timing", self.timing)), self.body)


class PredictOperation:
    """An `Operation`. The response has the media type that the client accepts."""

    def __init__(self, codec: PredictCodec, *, probabilities: bool = False) -> None:
        """`probabilities` asks for the scores of all classes, as the query parameter does."""
        self._codec = codec
        self._probabilities = probabilities

    def decode(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> PredictRequest:
        """See `Operation`."""
        accept = last_header(headers, b"accept")
        return self._codec.decode(body, content_type, accept=accept, probabilities=self._probabilities)

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """See `Operation`."""
        options = {"accept": last_header(headers, b"accept"), "probabilities": self._probabilities}
        return DecodeJob("predict.decode", body, (content_type,), options)

    def respond(self, decoded: PredictRequest, response: InferResponse) -> PredictResponse:
        """See `Operation`."""
        body = self._codec.encode(decoded, response.outputs)
        return PredictResponse(body, response.queue_s, response.batch_rows, response.compute_s, decoded.media)


class EventsOperation(PredictOperation):
    """The same for events, which hold JSON whatever the client accepts."""

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """See `Operation`."""
        return super().job(body, content_type, ())


class InvocationsOperation:
    """An `Operation`; the response is JSON."""

    def __init__(self, codec: InvocationsCodec) -> None:
        self._codec = codec

    def decode(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> PredictRequest:
        """See `Operation`."""
        return self._codec.decode(body, content_type)

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """See `Operation`."""
        return DecodeJob("invocations.decode", body, (content_type,))

    def respond(self, decoded: PredictRequest, response: InferResponse) -> WholeResponse:
        """See `Operation`."""
        return json_with_timing(self._codec.encode(decoded, response.outputs), response)
