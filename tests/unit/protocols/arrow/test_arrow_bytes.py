"""Bytes that are not a stream, and streams that cost more than their size, are rejected."""

import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelyard.errors import InvalidRequest
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.unit.protocols.arrow.streams import PEOPLE, decoded, lists, stream, written
from tests.unit.protocols.samples import FEATURES, IRIS, MIXED, TEXT, VALUE, one

SEEDS = [
    (MIXED, stream(PEOPLE)),
    (MIXED, stream({**PEOPLE, "visits": pa.nulls(2)}, batch_rows=1)),
    (IRIS, stream({"X": lists([[1, 2, 3, 4], [5, 6, 7, None]], 4)})),
    (IRIS, stream(dict.fromkeys(FEATURES, pa.array([1.0, None])))),
    (TEXT, stream({"text": pa.array(["a", "b" * 20], pa.string_view())})),
    (TEXT, stream({"text": pa.array([b"\xff", b"abc"], pa.large_binary())})),
]
MANY = settings(max_examples=400)
CHANGES = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 255) | st.sampled_from([0, 1, 127, 128, 255])), max_size=4
)


@MANY
@given(st.sampled_from(SEEDS), CHANGES, st.integers(0, 4000), st.binary(max_size=8))
@example(SEEDS[0], [], 0, b"")
def test_a_damaged_stream_is_read_or_rejected(seed, changes, end, tail):
    signature, whole = seed
    body = bytearray(whole)
    for place, value in changes:
        body[place % len(body)] = value
    cut = len(body) if end > len(body) else end
    try:
        tensors = decoded(signature, bytes(body[:cut]) + tail)
    except InvalidRequest as rejected:
        assert rejected.message
    else:
        assert {len(array) for array in tensors.values()} <= {1, 2}


@pytest.mark.parametrize(("signature", "whole"), SEEDS)
def test_a_stream_cut_anywhere_is_rejected_or_has_fewer_batches(signature, whole):
    for end in range(len(whole)):
        try:
            tensors = decoded(signature, whole[:end])
        except InvalidRequest:
            continue
        assert {len(array) for array in tensors.values()} <= {1, 2}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a valid Arrow stream"),
        (b"ARROW1\0\0", "not a valid Arrow stream"),
        (stream({"x": [1.0] * 99}, compression="zstd"), "compressed buffers is not supported"),
        (stream({"x": [1.0] * 99}, compression="lz4"), "compressed buffers is not supported"),
        (
            stream({"x": pa.array(["a" * 99]).dictionary_encode()}, compression="zstd"),
            "compressed buffers is not supported",
        ),
        (stream({"x": [1.0] * 1000}, batch_rows=1), "more than 1000 messages is not supported"),
        (written(pa.table({"x": [1.0]}).replace_schema_metadata({"a": "b" * 2**20})), "metadata of more than 1048576"),
        (b"\xff\xff\xff\xff\x10\0\0\0" + bytes(16), "not a valid Arrow stream"),
    ],
)
def test_a_stream_that_costs_more_than_its_bytes_is_rejected(body, message):
    with pytest.raises(InvalidRequest) as rejected:
        decoded(one("FP32"), body)
    assert message in rejected.value.message


def test_a_tensor_is_rejected_as_a_table():
    sink = pa.BufferOutputStream()
    pa.ipc.write_tensor(pa.Tensor.from_numpy(np.ones(3)), sink)
    with pytest.raises(InvalidRequest, match="a tensor is not supported, only tables are"):
        decoded(one("FP32"), bytes(sink.getvalue()))


def test_a_delta_dictionary_is_rejected():
    first = pa.array(["a", "b"]).dictionary_encode()
    second = pa.DictionaryArray.from_arrays(pa.array([2], pa.int32()), pa.array(["a", "b", "c"]))
    table = pa.table({"x": pa.chunked_array([first, second])})
    assert decoded(one("BYTES"), written(table))["x"].tolist() == ["a", "b", "c"]
    with pytest.raises(InvalidRequest, match="delta dictionaries"):
        decoded(one("BYTES"), written(table, emit_dictionary_deltas=True))


def test_a_big_endian_stream_is_rejected():
    body = bytearray(stream({"x": [1.0]}))
    start = 8  # after the continuation marker and the length of the schema's message
    message = start + int.from_bytes(body[start : start + 4], "little")
    vtable = message - int.from_bytes(body[message : message + 4], "little", signed=True)
    field = message + int.from_bytes(body[vtable + 8 : vtable + 10], "little")
    schema = field + int.from_bytes(body[field : field + 4], "little")
    vtable = schema - int.from_bytes(body[schema : schema + 4], "little", signed=True)
    assert body[vtable + 4 : vtable + 6] == bytes(2)  # little-endian is the default, so the field is absent
    body[vtable + 4 : vtable + 6] = body[vtable + 6 : vtable + 8]  # the offset of the field list, which is not 0
    with pytest.raises(InvalidRequest, match="a big-endian stream is not supported"):
        decoded(one("FP64"), bytes(body))


def test_columns_without_bytes_are_limited():
    with pytest.raises(InvalidRequest, match="claim more values than its bytes hold"):
        decoded(one("FP32"), stream({"x": pa.nulls(100_000)}))
    with pytest.raises(InvalidRequest, match="claim more values than its bytes hold"):
        decoded(one("FP32", (-1, 2**20)), stream({"x": pa.FixedSizeListArray.from_arrays(pa.nulls(2**20), 2**20)}))


def test_views_of_the_same_bytes_count_each_time():
    rows, letters = 1000, pa.py_buffer(b"x" * 1000)
    views = pa.py_buffer(struct.pack("<i4sii", 1000, b"xxxx", 0, 0) * rows)
    array = pa.Array.from_buffers(pa.string_view(), rows, [None, views, letters])
    with pytest.raises(InvalidRequest, match="claim more values than its bytes hold"):
        decoded(TEXT, stream({"text": array}))


def test_columns_of_the_same_bytes_count_each_time():
    names = "abcdefgh"
    signature = Signature(tuple(TensorSpec(name, "FP32", (FREE, 2000)) for name in names), (VALUE,))
    honest = stream({name: lists([[1.0] * 2000], 2000) for name in names})
    assert len(decoded(signature, honest)) == 8
    first = struct.pack("<6q", 0, 0, 0, 0, 0, 8000)  # of three buffers the offset and the length
    at = honest.index(first)
    metadata = honest[:at].replace(struct.pack("<q", 64000), struct.pack("<q", 8000)) + first * 8
    rest = honest[at + len(first) * 8 : honest.index(struct.pack("<f", 1.0) * 2000) + 8000]
    with pytest.raises(InvalidRequest, match="claim more values than its bytes hold"):
        decoded(signature, metadata + rest)


def test_an_index_outside_of_its_dictionary_is_rejected():
    body = stream({"x": pa.array(["a", "b"]).dictionary_encode()})
    at = body.rindex(struct.pack("<ii", 0, 1))
    with pytest.raises(InvalidRequest, match="outside of its dictionary"):
        decoded(one("BYTES"), body[:at] + struct.pack("<ii", 0, 2) + body[at + 8 :])
    with pytest.raises(InvalidRequest, match="outside of its dictionary"):
        decoded(one("BYTES"), body[:at] + struct.pack("<ii", 0, -1) + body[at + 8 :])


def test_text_that_is_not_utf8_is_rejected():
    body = stream({"text": ["abc"]})
    at = body.rindex(b"abc")
    with pytest.raises(InvalidRequest, match="UTF8"):
        decoded(TEXT, body[:at] + b"\xff" + body[at + 1 :])
