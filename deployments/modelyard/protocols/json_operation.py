"""Operations whose response is a JSON document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from modelyard.http.endpoint import Header
from modelyard.http.http1 import WholeResponse
from modelyard.http.problem import JSON, HttpResponse
from modelyard.http.request import server_timing
from modelyard.inference.pending_request import InferResponse
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.endpoint import DecodedT
from modelyard.tensors import Tensors


@dataclass(frozen=True, slots=True)
class JsonOperation(Generic[DecodedT]):
    """An `Operation` whose codec needs the body alone: clients of these protocols send any content type, or none."""

    method: str
    """Of the version's codecs, such as `generate.decode`."""
    decode_body: Callable[[bytes], DecodedT]
    encode: Callable[[DecodedT, Tensors], bytes]

    def decode(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodedT:
        """See `Operation`."""
        return self.decode_body(body)

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """See `Operation`."""
        return DecodeJob(self.method, body)

    def respond(self, decoded: DecodedT, response: InferResponse) -> WholeResponse:
        """See `Operation`."""
        return json_with_timing(self.encode(decoded, response.outputs), response)


def json_with_timing(body: bytes, response: InferResponse) -> WholeResponse:
    """An encoded JSON document as the response, with a `server-timing` header."""
    timing = server_timing(response.queue_s, response.batch_rows, response.compute_s)
    return WholeResponse(HttpResponse(200, (JSON, (b"server-timing", timing)), body))
