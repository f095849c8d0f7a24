"""Bytes behind a unary request's message are an error, also if an earlier request was similar."""

import gzip
import struct
import zlib
from typing import Any

import numpy as np
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.frames import FrameReader, frame, only_message
from modelyard.protocols.grpc.messages import ModelInferRequest
from modelyard.protocols.grpc.request_template import RequestTemplateCache
from modelyard.protocols.oip.slots import Slot

LIMIT_BYTES = 1000
COMPRESSED = gzip.compress(b"the message")
BEHIND = [b"\0", b"\1", b"x", frame(b""), frame(b"two"), bytes(100)]


@pytest.mark.parametrize("behind", BEHIND, ids=len)
@pytest.mark.parametrize("message", [b"", b"one"], ids=["empty", "not empty"])
def test_bytes_behind_a_message_are_rejected(message: bytes, behind: bytes):
    assert only_message(frame(message), b"", LIMIT_BYTES) == message
    with pytest.raises(InvalidRequest, match="one message"):
        only_message(frame(message) + behind, b"", LIMIT_BYTES)


@pytest.mark.parametrize("behind", BEHIND, ids=len)
def test_bytes_behind_a_compressed_message_are_rejected(behind: bytes):
    compressed = struct.pack(">BI", 1, len(COMPRESSED)) + COMPRESSED
    assert only_message(compressed, b"gzip", LIMIT_BYTES) == b"the message"
    with pytest.raises(InvalidRequest, match="one message"):
        only_message(compressed + behind, b"gzip", LIMIT_BYTES)


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_message_that_ends_early_is_rejected(missing: int):
    with pytest.raises(InvalidRequest, match=f"ends after {3 - missing} of 3 bytes"):
        only_message(frame(b"one")[:-missing], b"", LIMIT_BYTES)


def test_a_message_of_exactly_the_limit_is_accepted():
    assert len(only_message(frame(bytes(LIMIT_BYTES)), b"", LIMIT_BYTES)) == LIMIT_BYTES


def infer_request(values: int) -> Any:
    """A request with one INT8 tensor of this many values."""
    return ModelInferRequest(
        model_name="m",
        inputs=[{"name": "x", "datatype": "INT8", "shape": [values]}],
        raw_input_contents=[np.arange(values, dtype=np.int8).tobytes()],
    )


@pytest.fixture
def cache() -> RequestTemplateCache[str]:
    """A cache with the template of a request of four values."""
    cache: RequestTemplateCache[str] = RequestTemplateCache()
    request = infer_request(4)
    cache.remember(frame(request.SerializeToString()), request, [Slot("x", "INT8", "x", "INT8", False)], "known")
    return cache


def test_a_known_request_is_found_with_its_values(cache: RequestTemplateCache[str]):
    known, tensors = cache.find(frame(infer_request(4).SerializeToString())) or ("", {})
    assert (known, tensors["x"].tolist()) == ("known", [0, 1, 2, 3])


@pytest.mark.parametrize("behind", BEHIND, ids=len)
def test_a_known_request_with_bytes_behind_it_is_not_found(cache: RequestTemplateCache[str], behind: bytes):
    assert cache.find(frame(infer_request(4).SerializeToString()) + behind) is None


@pytest.mark.parametrize("values", [3, 5])
def test_a_known_head_in_front_of_more_or_fewer_values_is_not_found(cache: RequestTemplateCache[str], values: int):
    known = frame(infer_request(4).SerializeToString())
    head, raw = known[:-4], bytes(values)
    assert cache.find(head + raw) is None, "the head has the lengths of the frame and of the values"


def test_a_message_in_another_compression_than_the_header_names_is_rejected():
    for written, named in ((zlib.compress(b"x"), b"gzip"), (gzip.compress(b"x"), b"deflate")):
        with pytest.raises(InvalidRequest, match="incorrect header check"):
            only_message(struct.pack(">BI", 1, len(written)) + written, named, LIMIT_BYTES)


def test_a_reader_holds_the_bytes_of_messages_that_are_not_read_yet():
    reader = FrameReader(b"", LIMIT_BYTES)
    assert reader.held_bytes == 0
    reader.feed(frame(b"one") + frame(b"two")[:-1])
    assert reader.held_bytes == 15
    assert reader.next() == b"one"
    assert reader.held_bytes == 7
    assert reader.next() is None
    assert reader.held_bytes == 7
