"""Messages of a WebSocket to requests, and responses to messages.

A text is a predict request, and its response a text. A binary message is an infer request of the Open Inference Protocol with raw
contents, and so is its response: four bytes with the length of the JSON (unsigned, little-endian like the contents), the JSON, the
contents. Errors are texts, for both.
"""

import struct
from collections.abc import Sequence

from modelyard.errors import InvalidRequest
from modelyard.http.endpoint import Header
from modelyard.inference.pending_request import InferResponse
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.oip.codec import InferCodec, OipRequest, raw_bytes
from modelyard.protocols.predict.codec import PredictCodec, PredictRequest
from modelyard.tensors import Tensors

LENGTH = struct.Struct("<I")
END = '{"end":true}'
"""Behind the last part of a response in parts."""

Message = str | bytes
_JSON = b"application/json"


class TextOperation:
    """See `endpoint.Operation`."""

    def __init__(self, codec: PredictCodec, *, probabilities: bool) -> None:
        self._codec = codec
        self._probabilities = probabilities

    def decode(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> PredictRequest:
        """See `Operation`."""
        return self._codec.decode(body, _JSON, probabilities=self._probabilities)

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """See `Operation`."""
        return DecodeJob("predict.decode", body, (_JSON,), {"probabilities": self._probabilities})

    def respond(self, decoded: PredictRequest, response: InferResponse) -> Message:
        """See `Operation`."""
        return self.encode(decoded, response.outputs)

    def encode(self, decoded: PredictRequest, outputs: Tensors) -> Message:
        """A response, or a part of one."""
        return self._codec.encode(decoded, outputs).decode()


class BinaryOperation:
    """See `endpoint.Operation`."""

    def __init__(self, codec: InferCodec) -> None:
        self._codec = codec

    def decode(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> OipRequest:
        """See `Operation`."""
        return self._codec.decode(*_divide(body))

    def job(self, body: bytes, content_type: bytes, headers: Sequence[Header]) -> DecodeJob:
        """See `Operation`. Raises InvalidRequest."""
        content, length = _divide(body)
        return DecodeJob("infer.decode", content, (length,), raw_bytes=raw_bytes(content, length))

    def respond(self, decoded: OipRequest, response: InferResponse) -> Message:
        """See `Operation`."""
        return self.encode(decoded, response.outputs)

    def encode(self, decoded: OipRequest, outputs: Tensors) -> Message:
        """A response, or a part of one."""
        encoded = self._codec.encode(decoded, outputs)
        return LENGTH.pack(len(encoded.body) if encoded.json_length is None else encoded.json_length) + encoded.body


def _divide(message: bytes) -> tuple[bytes, bytes]:
    """The content of a binary message, and the length of its JSON in the form of a header's value. Raises InvalidRequest."""
    if len(message) < LENGTH.size:
        raise InvalidRequest(f"expected {LENGTH.size} bytes with the length of the JSON, got {len(message)}")
    [length] = LENGTH.unpack_from(message)
    return message[LENGTH.size :], b"%d" % length
