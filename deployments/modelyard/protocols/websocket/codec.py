"""Messages of a WebSocket to what they ask for, and answers to messages. Pure.

A text is a predict request and gets a predict answer. A binary message is the Open Inference Protocol's request with its raw
contents, and so is its answer: four bytes with the length of the JSON (unsigned, little-endian like the contents), the JSON, the
contents. Errors are texts, to both.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.codec import InferCall, InferCodec
from modelyard.protocols.predict.codec import PredictCall, PredictCodec
from modelyard.tensors import InferRequest, Tensors

LENGTH = struct.Struct("<I")
END = '{"end":true}'
"""Behind the last part of an answer that is wanted in parts."""

Message = str | bytes


@dataclass(frozen=True, slots=True)
class WebSocketRequest:
    """A decoded message."""

    request: InferRequest
    encode: Callable[[Tensors], Message]
    """To the answer, or a part of it."""
    timeout_s: float | None = None
    """The client's own; the model's still holds where it is shorter."""


class WebSocketCodec:
    """For one version, from the codecs of its two protocols, which decode."""

    def __init__(self, predict: PredictCodec, infer: InferCodec) -> None:
        self._predict = predict
        self._infer = infer

    def of_text(self, call: PredictCall) -> WebSocketRequest:
        """What a text asks for."""
        return WebSocketRequest(call.request, lambda outputs: self._predict.encode(call, outputs).decode())

    def of_binary(self, call: InferCall) -> WebSocketRequest:
        """What a binary message asks for, whose body `divided` gave."""
        return WebSocketRequest(call.request, lambda outputs: self._encoded(call, outputs), call.timeout_s)

    def _encoded(self, call: InferCall, outputs: Tensors) -> bytes:
        answer = self._infer.encode(call, outputs)
        return LENGTH.pack(len(answer.body) if answer.json_length is None else answer.json_length) + answer.body


def divided(message: bytes) -> tuple[bytes, bytes]:
    """The body in a binary message, and the length of its JSON as a header has it. Raises InvalidRequest."""
    if len(message) < LENGTH.size:
        raise InvalidRequest(f"expected {LENGTH.size} bytes with the length of the JSON, got {len(message)}")
    [length] = LENGTH.unpack_from(message)
    return message[LENGTH.size :], b"%d" % length
