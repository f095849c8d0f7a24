"""The parsers of frames, headers and binary bodies, with randomly changed valid messages."""

import csv
import gzip
import io
import random
import struct
from functools import partial
from urllib.parse import unquote

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.http.accept import KNOWN, preferred_media_type
from modelyard.protocols.grpc.call_headers import timeout_s
from modelyard.protocols.grpc.frames import FrameReader, frame, only_message
from modelyard.protocols.grpc.status import MAX_MESSAGE_BYTES, escaped
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.oip.tensors import to_raw
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.predict.npy import read_npy, write_npy
from modelyard.telemetry.traceparent import TraceParent, parse
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.unit.protocols.mutations import mutated, read_or_rejected
from tests.unit.protocols.samples import IRIS, MIXED

MANY = settings(max_examples=70)
FEW = settings(max_examples=40)
LIMIT = 10_000
SQUEEZED = gzip.compress(b"a message that is long enough to be squeezed " * 20)
FRAMES = [
    frame(b"one") + frame(b"") + frame(b"three" * 9),
    struct.pack(">BI", 1, len(SQUEEZED)) + SQUEEZED + frame(b"plain"),
]


@MANY
@given(mutated(FRAMES), st.randoms(use_true_random=False), st.sampled_from([b"", b"gzip"]))
def test_changed_frames_are_read_or_rejected_in_pieces_of_any_size(
    body: bytes, pick: random.Random, encoding: bytes
) -> None:
    found: list[bytes] = []

    def read(pieces: list[bytes]) -> None:
        found.clear()
        reader = FrameReader(encoding, LIMIT)
        for piece in pieces:
            reader.feed(piece)
            while (message := reader.next()) is not None:
                found.append(message)
        reader.end()

    cuts = sorted(pick.randint(0, len(body)) for _ in range(4))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    whole = read_or_rejected(lambda: read([body]), len(body), factor=20)
    before = list(found)
    assert read_or_rejected(lambda: read(pieces), len(body), factor=20) == whole
    assert found == before, "the places where a body is cut make no difference"
    read_or_rejected(lambda: only_message(body, encoding, LIMIT), len(body), factor=20)


TEXT_SPEC = TensorSpec("t", "BYTES", (FREE, 2))
TEXTUAL = Signature((TEXT_SPEC,), (TensorSpec("y", "FP32", (FREE,)),))
TEXT_RAW = to_raw(np.array([["a", "bcd"], ["", "caf\u00e9"]], object))
TEXT_JSON = orjson.dumps(
    {"inputs": [{"name": "t", "shape": [2, 2], "datatype": "BYTES", "parameters": {"binary_data_size": len(TEXT_RAW)}}]}
)


@MANY
@given(mutated([TEXT_JSON + TEXT_RAW]), mutated([b"%d" % len(TEXT_JSON)]))
def test_changed_texts_of_a_binary_request_are_read_or_rejected(body: bytes, length: bytes) -> None:
    codec = InferCodec("m", 1, TEXTUAL)

    def read() -> None:
        call = codec.decode(body, length)
        assert call.request.inputs["t"].shape == (call.request.rows, 2)

    read_or_rejected(read, len(body), factor=100)


@MANY
@given(mutated([TEXT_RAW, np.ones((2, 4), np.float32).tobytes()]))
def test_a_changed_body_without_a_header_is_read_or_rejected(body: bytes) -> None:
    for signature in (IRIS, TEXTUAL, MIXED):
        decode = InferCodec("m", 1, signature).decode
        read_or_rejected(partial(decode, body, b"0"), len(body), factor=100)


@MANY
@given(mutated([write_npy(np.ones((2, 4), np.float32)), write_npy(np.array([["a", "bc"]]))]))
def test_a_changed_array_file_is_read_or_rejected(body: bytes) -> None:
    read_or_rejected(lambda: read_npy(body), len(body), factor=100)


CSVS = [b"age,income,city,member,visits\n1,2.5,Bonn,true,\n", b'age,income,city,member\r\n1,2,"a ""b"", c",False\r\n']


@MANY
@given(mutated(CSVS))
def test_a_changed_table_is_read_or_rejected(body: bytes) -> None:
    codec = PredictCodec("m", 1, MIXED)
    read_or_rejected(lambda: codec.decode(body, b"text/csv"), len(body), factor=200)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=6)


@FEW
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_strings_of_a_response_round_trip_through_csv(texts: list[str]) -> None:
    signature = Signature((TensorSpec("x", "FP32", (FREE,)),), (TensorSpec("y", "BYTES", (FREE,)),))
    codec = PredictCodec("m", 1, signature)
    call = codec.decode(b'{"instances": [1]}', b"application/json", accept=b"text/csv")
    written = codec.encode(call, {"y": np.array(texts, object)})
    header, *rows = csv.reader(io.StringIO(written.decode(), newline=""), strict=True)
    assert (header, [row[0] for row in rows]) == (["prediction"], texts)


@MANY
@given(mutated([b"text/csv;q=0.5, application/x-npy, */*;q=0.1", b"text/html,application/xhtml+xml,*/*;q=0.8"]))
def test_any_accept_header_selects_a_media_type_or_is_rejected(accept: bytes) -> None:
    assert preferred_media_type(accept) in KNOWN.values()


@FEW
@given(st.lists(st.sampled_from(sorted(KNOWN)), min_size=1, max_size=4, unique=True), st.integers(0, 3))
def test_the_media_type_of_the_greatest_weight_is_selected(names: list[str], best: int) -> None:
    best %= len(names)
    accept = ", ".join(f"{name};q={0.9 if at == best else 0.3}" for at, name in enumerate(names))
    assert preferred_media_type(accept.encode()) == KNOWN[names[best]]


@FEW
@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_any_parent_round_trips(trace: int, span: int, sampled: bool) -> None:
    assert parse(b"00-%032x-%016x-%02x" % (trace, span, sampled)) == TraceParent(trace, span, sampled)


@FEW
@given(mutated([b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]))
def test_a_changed_parent_is_valid_or_none(value: bytes) -> None:
    found = parse(value)
    assert found is None or (0 < found.trace_id < 2**128 and 0 < found.span_id < 2**64)


@FEW
@given(mutated([b"20S", b"99999999H", b"1n"]))
def test_a_changed_timeout_is_read_or_rejected(value: bytes) -> None:
    read_or_rejected(lambda: timeout_s(value) >= 0, len(value), factor=100)


@FEW
@given(st.text(max_size=60))
def test_any_message_of_a_status_round_trips(message: str) -> None:
    written = escaped(message)
    assert all(0x20 <= byte < 0x7F for byte in written)
    assert unquote(written.decode()) == message.encode("utf-8", "replace").decode()
    assert len(written) <= 3 * MAX_MESSAGE_BYTES + 3
