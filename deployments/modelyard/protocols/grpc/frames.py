"""Reads and writes gRPC frames: a flag and a length before each message.

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
    """An unsupported `grpc-encoding`. The response lists the supported ones."""


def frame(message: bytes) -> bytes:
    """The frame of an uncompressed message."""
    return PREFIX.pack(0, len(message)) + message


def only_message(body: bytes, encoding: bytes, limit_bytes: int) -> bytes | memoryview:
    """The message of a unary request. `encoding` is its `grpc-encoding`, b"" for none.

    Raises InvalidRequest if the body is not one whole frame, PayloadTooLarge, UnknownEncoding.
    """
    if len(body) < PREFIX.size:
        raise InvalidRequest("the request ends before its message" if body else "the request holds no message")
    flag, length = PREFIX.unpack_from(body)
    _check(flag, length, limit_bytes)
    got = len(body) - PREFIX.size
    if got < length:
        raise InvalidRequest(f"the message ends after {got} of {length} bytes")
    if got > length:
        raise InvalidRequest(f"this method expects one message, got {got - length} bytes after it")
    message = memoryview(body)[PREFIX.size :]
    return inflated(message, encoding, limit_bytes) if flag else message


class FrameReader:
    """Finds the messages in the body of a stream, which arrives in pieces of any size."""

    def __init__(self, encoding: bytes, limit_bytes: int) -> None:
        self._encoding = encoding
        self._limit_bytes = limit_bytes
        """The limit of one message, compressed or not."""
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> None:
        """Add the next bytes of the body."""
        self._buffer += piece

    def next(self) -> bytes | None:
        """The next whole message, None if there is none yet. Raises like `only_message`; reading cannot continue after an error."""
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
        """How many bytes have arrived that `next` has not returned."""
        return len(self._buffer)

    def end(self) -> None:
        """Call this after the end of the body and the last message. Raises InvalidRequest if the body ended within a frame."""
        if self._buffer:
            raise InvalidRequest("the stream ends in the middle of a message")


def inflated(message: bytes | memoryview, encoding: bytes, limit_bytes: int) -> bytes:
    """The message without its compression."""
    if encoding in (b"", b"identity"):
        raise InvalidRequest("the message is flagged as compressed, but grpc-encoding names no compression")
    window_bits = ENCODINGS.get(encoding)
    if window_bits is None:
        raise UnknownEncoding(f"grpc-encoding {encoding.decode('latin-1')!r} is not supported")
    return inflate(message, window_bits, limit_bytes, noun="the message", coding=encoding.decode())


def _check(flag: int, length: int, limit_bytes: int) -> None:
    if flag > 1:
        raise InvalidRequest(f"the compressed flag of a message must be 0 or 1, got {flag}")
    if length > limit_bytes:
        raise PayloadTooLarge(f"the message has more than {limit_bytes} bytes, the limit")
