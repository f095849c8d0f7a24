"""Reading frames: whole, in pieces, compressed, and invalid."""

import contextlib
import gzip
import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest, ModelyardError, PayloadTooLarge
from modelyard.protocols.grpc.frames import FrameReader, UnknownEncoding, frame, only_message

LIMIT = 1000
MESSAGES = [b"", b"a", b"the second", bytes(LIMIT)]


def packed(message: bytes, flag: int = 1) -> bytes:
    return struct.pack(">BI", flag, len(message)) + message


def read(*pieces: bytes, encoding: bytes = b"", limit: int = LIMIT) -> list[bytes]:
    reader = FrameReader(encoding, limit)
    messages = []
    for piece in pieces:
        reader.feed(piece)
        while (message := reader.next()) is not None:
            messages.append(message)
    reader.end()
    return messages


@pytest.mark.parametrize("message", MESSAGES, ids=len)
def test_a_message_round_trips_through_its_frame(message):
    assert only_message(frame(message), b"", LIMIT) == message
    assert read(frame(message)) == [message]


def test_messages_are_found_wherever_the_stream_is_cut():
    whole = b"".join(map(frame, MESSAGES[:3]))
    for at in range(len(whole) + 1):
        assert read(whole[:at], whole[at:]) == MESSAGES[:3]
    assert read(*(whole[at : at + 1] for at in range(len(whole)))) == MESSAGES[:3]


@given(st.lists(st.binary(max_size=60), max_size=5), st.randoms(use_true_random=False))
def test_messages_are_found_in_pieces_of_any_size(messages: list[bytes], pick: random.Random):
    whole, pieces = b"".join(map(frame, messages)), []
    while whole:
        size = pick.randint(1, len(whole))
        pieces.append(whole[:size])
        whole = whole[size:]
    assert read(*pieces) == messages


@pytest.mark.parametrize(("encoding", "compress"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_compressed_messages_are_read(encoding, compress):
    squeezed = packed(compress(b"the message"))
    assert only_message(squeezed, encoding, LIMIT) == b"the message"
    assert read(squeezed + frame(b"plain"), encoding=encoding) == [b"the message", b"plain"]


BROKEN = [
    (b"", b"", InvalidRequest, "holds no message"),
    (b"\0\0\0", b"", InvalidRequest, "ends before its message"),
    (frame(b"cut")[:-1], b"", InvalidRequest, "ends after 2 of 3 bytes"),
    (frame(b"one") + frame(b"two"), b"", InvalidRequest, "one message"),
    (packed(b"x", flag=2), b"", InvalidRequest, "must be 0 or 1, got 2"),
    (b"POST / HTTP/1.1", b"", InvalidRequest, "must be 0 or 1, got 80"),
    (packed(bytes(LIMIT + 1), flag=0), b"", PayloadTooLarge, "limit of 1000 bytes"),
    (struct.pack(">BI", 0, 2**32 - 1), b"", PayloadTooLarge, "limit of 1000 bytes"),
    (packed(gzip.compress(bytes(LIMIT + 1), mtime=0)), b"gzip", PayloadTooLarge, "limit of 1000 bytes"),
    (packed(gzip.compress(b"cut short", mtime=0)[:-9]), b"gzip", InvalidRequest, "is truncated"),
    (packed(b"no gzip"), b"gzip", InvalidRequest, "is not valid gzip"),
    (packed(b""), b"gzip", InvalidRequest, "is truncated"),
    (packed(gzip.compress(b"x", mtime=0) + b"y"), b"gzip", InvalidRequest, "1 bytes follow its end"),
    (packed(gzip.compress(b"x", mtime=0)), b"", InvalidRequest, "names no compression"),
    (packed(gzip.compress(b"x", mtime=0)), b"identity", InvalidRequest, "names no compression"),
    (packed(gzip.compress(b"x", mtime=0)), b"snappy", UnknownEncoding, "'snappy' is not supported"),
]


@pytest.mark.parametrize(("body", "encoding", "error", "expected"), BROKEN)
def test_a_body_that_is_not_one_whole_frame_is_rejected(body, encoding, error, expected):
    with pytest.raises(error, match=expected):
        only_message(body, encoding, LIMIT)


@pytest.mark.parametrize(("body", "encoding", "error", "expected"), [each for each in BROKEN if each[0][5:]])
def test_a_stream_is_rejected_for_the_same_reasons(body, encoding, error, expected):
    if body == frame(b"one") + frame(b"two"):
        assert read(body) == [b"one", b"two"], "of which a stream may have many"
        return
    with pytest.raises(error):
        read(body, encoding=encoding)


def test_a_stream_may_be_empty_but_not_end_in_a_frame():
    assert read() == []
    with pytest.raises(InvalidRequest, match="in the middle of a message"):
        read(frame(b"one"), frame(b"two")[:-1])


def test_messages_before_an_invalid_one_are_returned():
    reader = FrameReader(b"", LIMIT)
    reader.feed(frame(b"good") + b"\7bad bad")
    assert reader.next() == b"good"
    with pytest.raises(InvalidRequest):
        reader.next()


def test_a_decompression_bomb_is_rejected():
    bomb = packed(gzip.compress(bytes(50_000_000)))
    with pytest.raises(PayloadTooLarge):
        only_message(bomb, b"gzip", 100_000)
    with pytest.raises(PayloadTooLarge, match="the message inflates to more than 100 times its size"):
        only_message(bomb, b"gzip", 100_000_000)


@given(st.binary(max_size=64), st.sampled_from([b"", b"identity", b"gzip", b"deflate", b"br"]))
def test_any_bytes_are_read_or_rejected(body, encoding):
    with contextlib.suppress(ModelyardError):
        only_message(body, encoding, LIMIT)
    with contextlib.suppress(ModelyardError):
        read(body, encoding=encoding)
