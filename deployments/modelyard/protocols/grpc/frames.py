"""gRPC's frames: each message with a flag and a length before it, on its way in and out. Pure.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Length-Prefixed-Message)
"""

import struct
from collections.abc import Mapping

from modelyard.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from modelyard.http.inflate import inflate

PREFIX = struct.Struct(">BI")
"""Whether the message is compressed, and its length in bytes."""
ENCODINGS: Mapping[bytes, int] = {b"gzip": 31, b"deflate": 15}
"""How a client may compress messages (`grpc-encoding`), as zlib's window bits."""
ACCEPTED = b"identity,gzip,deflate"
"""For `grpc-accept-encoding`."""


class UnknownEncoding(UnsupportedMediaType):
    """A `grpc-encoding` that is not read here; its answer lists those that are."""


def frame(message: bytes) -> bytes:
    """A message of ours; never compressed."""
    return PREFIX.pack(0, len(message)) + message


def only_message(body: bytes, encoding: bytes, limit_bytes: int) -> bytes | memoryview:
    """The message of a request that has one; `encoding` is its `grpc-encoding`, b"" for none.

    Raises InvalidRequest where the body is not one whole frame, PayloadTooLarge, UnknownEncoding.
    """
    if len(body) < PREFIX.size:
        raise InvalidRequest("the request ends before its message" if body else "the request holds no message")
    flag, length = PREFIX.unpack_from(body)
    _check(flag, length, limit_bytes)
    got = len(body) - PREFIX.size
    if got < length:
        raise InvalidRequest(f"the message ends after {got} of {length} bytes")
    if got > length:
        raise InvalidRequest("this method takes one message, and more came behind it")
    message = memoryview(body)[PREFIX.size :]
    return inflated(message, encoding, limit_bytes) if flag else message


class FrameReader:
    """Finds the messages in the body of a stream, which comes in pieces of any size."""

    def __init__(self, encoding: bytes, limit_bytes: int) -> None:
        self._encoding = encoding
        self._limit_bytes = limit_bytes
        """Of one message, compressed or not."""
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> None:
        """The next bytes of the body."""
        self._buffer += piece

    def next(self) -> bytes | None:
        """The next whole message, if there is one. Raises as `only_message` does; nothing can be read behind an error."""
        buffer = self._buffer
        if len(buffer) < PREFIX.size:
            return None
        flag, length = PREFIX.unpack_from(buffer)
        _check(flag, length, self._limit_bytes)
        end = PREFIX.size + length
        if len(buffer) < end:
            return None
        message = bytes(memoryview(buffer)[PREFIX.size : end])
        del buffer[:end]
        return inflated(message, self._encoding, self._limit_bytes) if flag else message

    @property
    def held_bytes(self) -> int:
        """How much of a message has come that `next` has not given."""
        return len(self._buffer)

    def end(self) -> None:
        """The body is over, and `next` has given all. Raises InvalidRequest if that was in the middle of a frame."""
        if self._buffer:
            raise InvalidRequest("the stream ends in the middle of a message")


def inflated(message: bytes | memoryview, encoding: bytes, limit_bytes: int) -> bytes:
    """What a compressed message holds."""
    if encoding in (b"", b"identity"):
        raise InvalidRequest("the message is flagged as compressed, but grpc-encoding names no compression")
    window_bits = ENCODINGS.get(encoding)
    if window_bits is None:
        raise UnknownEncoding(f"grpc-encoding {encoding.decode('latin-1')!r} is not read here")
    return inflate(message, window_bits, limit_bytes, noun="the message", coding=encoding.decode())


def _check(flag: int, length: int, limit_bytes: int) -> None:
    if flag > 1:
        raise InvalidRequest(f"a message begins with {flag}; gRPC has 0 and 1 there")
    if length > limit_bytes:
        raise PayloadTooLarge(f"the message has more than {limit_bytes} bytes, the most that is taken")
