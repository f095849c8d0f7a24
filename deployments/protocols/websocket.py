"""Messages of a WebSocket to what they ask for, and answers to messages. Pure.

A text is a predict request and gets a predict answer. A binary message is the Open Inference Protocol's request with its raw
contents, and so is its answer: four bytes with the length of the JSON (unsigned, little-endian like the contents), the JSON, the
contents. Errors are texts, to both.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from deployments.errors import InvalidRequest
from deployments.protocols.oip.rest import InferCall, InferCodec
from deployments.protocols.predict import PredictCodec
from deployments.tensors import InferRequest, Tensors

LENGTH = struct.Struct("<I")
END = '{"end":true}'
"""Behind the last part of an answer that is wanted in parts."""

Message = str | bytes


@dataclass(frozen=True, slots=True)
class SocketCall:
    """A decoded message."""

    request: InferRequest
    encode: Callable[[Tensors], Message]
    """To the answer, or a part of it."""
    timeout_s: float | None = None
    """The client's own; the model's still holds where it is shorter."""


class SocketCodec:
    """For one version, from the codecs of its two protocols."""

    def __init__(self, predict: PredictCodec, infer: InferCodec, *, probabilities: bool = False) -> None:
        self._predict = predict
        self._infer = infer
        self._probabilities = probabilities

    def decode(self, message: Message) -> SocketCall:
        """What the message asks for. Raises InvalidRequest."""
        return self._text(message) if isinstance(message, str) else self._binary(message)

    def _text(self, message: str) -> SocketCall:
        call = self._predict.decode(message.encode(), b"application/json", probabilities=self._probabilities)
        return SocketCall(call.request, lambda outputs: self._predict.encode(call, outputs).decode())

    def _binary(self, message: bytes) -> SocketCall:
        if len(message) < LENGTH.size:
            raise InvalidRequest(f"expected {LENGTH.size} bytes with the length of the JSON, got {len(message)}")
        [length] = LENGTH.unpack_from(message)
        call = self._infer.decode(message[LENGTH.size :], b"%d" % length)
        return SocketCall(call.request, lambda outputs: self._encoded(call, outputs), call.timeout_s)

    def _encoded(self, call: InferCall, outputs: Tensors) -> bytes:
        answer = self._infer.encode(call, outputs)
        return LENGTH.pack(len(answer.body) if answer.json_length is None else answer.json_length) + answer.body
