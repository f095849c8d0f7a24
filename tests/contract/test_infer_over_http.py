"""What clients of the Open Inference Protocol get from a replica: the same on the fast path and on the slow path."""

import gzip
import logging
import re
import socket
import zlib
from typing import Any

import numpy as np
import orjson
import pytest

from tests.contract.client import chunked, request
from tests.contract.conftest import Make
from tests.contract.front import Front
from tests.contract.oip import INFER, VERSIONED, binary, body, infer, refused, values
from tests.contract.replica import DEAR, ONE, PREDICT, Replica
from tests.fakes import FakeModel


def test_an_infer_request_is_answered_with_every_output(replica: Make) -> None:
    one = replica()
    answer = one.ask(infer(body(2, -4, id="a-7")))
    assert answer.json == {
        "model_name": "doubler",
        "model_version": "3",
        "id": "a-7",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [4.0, -8.0]}],
    }
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("date")
    assert re.fullmatch(r'queue;dur=.*, batch;desc="2", compute;dur=.*', answer.header("server-timing") or "")
    assert one.by_fast_path == (one.way == "fast path")


def test_raw_contents_go_in_and_out(replica: Make) -> None:
    one = replica()
    answer = one.ask(infer(*binary(2, -4, parameters={"binary_data_output": True})))
    assert answer.header("content-type") == "application/octet-stream"
    end = int(answer.header("inference-header-content-length") or 0)
    [output] = orjson.loads(answer.body[:end])["outputs"]
    assert output["parameters"] == {"binary_data_size": 8}
    assert np.frombuffer(answer.body[end:], "<f4").tolist() == [4.0, -8.0]
    assert one.by_fast_path == (one.way == "fast path")


def test_a_body_without_a_header_is_the_input_itself(replica: Make) -> None:
    raw = np.array([2, -4], np.float32).tobytes()
    answer = replica().ask(request(INFER, raw, inference_header_content_length="0"))
    assert np.frombuffer(answer.body[-8:], "<f4").tolist() == [4.0, -8.0]


def test_the_path_of_a_version_answers_like_the_plain_one(replica: Make) -> None:
    one = replica()
    assert one.ask(infer(body(1), path=VERSIONED)).body == one.ask(infer(body(1))).body
    assert one.by_fast_path == (one.way == "fast path")


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", "text/plain", ""])
def test_the_content_type_is_not_looked_at(replica: Make, content_type: str) -> None:
    assert values(replica().ask(infer(body(1), content_type=content_type))) == [2]


def test_requests_of_both_protocols_share_a_call_of_the_model(replica: Make) -> None:
    one = replica(warmup=DEAR)
    one.model.hold()
    with one.connect() as first, one.connect() as second, one.connect() as third, one.connect() as fourth:
        first.send(request(PREDICT, ONE))
        one.model.entered()
        for client, asked in (
            (second, infer(body(2))),
            (third, infer(*binary(3))),
            (fourth, request(PREDICT, b'{"instances": [[4]]}')),
        ):
            client.send(asked)
        one.front.until(lambda: one.in_flight == 4)
        one.model.release()
        assert first.read().json["predictions"] == [[3.0]]
        assert values(second.read()) == [4]
        assert values(third.read()) == [6]
        assert fourth.read().json["predictions"] == [[8.0]]
    assert one.model.batches == [1, 3]


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_request_is_taken(replica: Make, coding: str, compress: Any) -> None:
    document, raw = binary(*range(3000))
    packed = compress(document + raw)
    length = str(len(document))
    answer = replica().ask(request(INFER, packed, content_encoding=coding, inference_header_content_length=length))
    assert values(answer) == [2.0 * number for number in range(3000)]


@pytest.mark.parametrize("rows", [300, 40_000])
@pytest.mark.parametrize(("coding", "expand"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_an_answer_is_compressed_for_who_asks(replica: Make, coding: str, expand: Any, rows: int) -> None:
    asked = infer(*binary(*range(rows), parameters={"binary_data_output": True}), accept_encoding=coding)
    answer = replica().ask(asked)
    assert answer.header("content-encoding") == coding
    whole = expand(answer.body)
    end = int(answer.header("inference-header-content-length") or 0)
    assert np.frombuffer(whole[end:], "<f4").tolist() == [2.0 * number for number in range(rows)]


@pytest.mark.parametrize(("rows", "accept"), [(1, "gzip"), (3000, "gzip, deflate"), (3000, "identity")])
def test_an_answer_goes_as_it_is_where_that_is_short_or_nobody_asked(replica: Make, rows: int, accept: str) -> None:
    answer = replica().ask(infer(*binary(*range(rows)), accept_encoding=accept))
    assert answer.header("content-encoding") is None
    assert len(values(answer)) == rows


def test_a_body_that_inflates_past_the_limit_is_413(replica: Make) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    refused(
        replica(body=100_000).ask(request(INFER, bomb, content_encoding="gzip")), 413, "inflates to more than 100000"
    )


def test_a_body_that_is_not_what_it_says_is_400(replica: Make) -> None:
    refused(replica().ask(request(INFER, b"no gzip", content_encoding="gzip")), 400, "the body is not valid gzip")


def test_another_coding_is_415(replica: Make) -> None:
    refused(replica().ask(request(INFER, b"x", content_encoding="br")), 415, "only gzip and deflate")


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        (request(INFER, b""), 400, "the body is empty"),
        (infer(b"{"), 400, "not valid JSON"),
        (infer(b"[" * 100_000), 400, "not valid JSON"),
        (infer(b"{}"), 400, "expected a list, got nothing at /inputs"),
        (infer(body(1).replace(b"FP32", b"BYTES")), 400, "expected FP32, got BYTES"),
        (
            infer(body(1).replace(b"[{", b'[{"name":"z","shape":[1],"datatype":"INT8","data":[1]},{')),
            400,
            "unknown input 'z'",
        ),
        (infer(body(1).replace(b"[1,1]", b"[-1,1]")), 400, "the axes of a request must not be negative"),
        (infer(body(1).replace(b"[1,1]", b"[9007199254740993,1]")), 400, "got 1 value"),
        (infer(body()), 400, "expected at least one row"),
        (infer(body(1, outputs=[{"name": "w"}])), 400, "unknown output 'w'"),
        (infer(*binary(1)[:1], b"\0\0\0"), 400, "expected 4 bytes, got 3"),
        (infer(*binary(1)[:1], b"\0" * 5), 400, "1 bytes at the end of the body"),
        (request(INFER, body(1), inference_header_content_length="9999"), 400, "is 9999, but the body has only"),
        (request(INFER, body(1), inference_header_content_length="7"), 400, "not valid JSON"),
        (request(INFER, body(1), inference_header_content_length="-1"), 400, "expected a number of bytes"),
        (request(INFER, b"\0" * 5, inference_header_content_length="0"), 400, "expected a multiple of 4 bytes, got 5"),
        (chunked(INFER, b" " * 5000), 413, "more than 4096 bytes"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_connection_lives_on(
    replica: Make, asked: bytes, status: int, message: str
) -> None:
    with replica(body=4096 if status == 413 else 2**20).connect() as client:
        refused(client.ask(asked), status, message)
        assert values(client.ask(infer(body(1)))) == [2]


def test_one_bad_request_harms_nobody_in_its_batch(replica: Make) -> None:
    one = replica(warmup=DEAR)
    one.model.hold()
    with one.connect() as first, one.connect() as bad, one.connect() as good:
        first.send(infer(body(1)))
        one.model.entered()
        good.send(infer(body(2)))
        refused(bad.ask(infer(body(1).replace(b"FP32", b"BYTES"))), 400, "expected FP32, got BYTES")
        one.front.until(lambda: one.in_flight == 2)
        one.model.release()
        assert values(first.read()) == [2]
        assert values(good.read()) == [4]


def test_a_request_in_65537_chunks_of_a_byte_is_answered(replica: Make) -> None:
    document = body(1).ljust(65_537)
    assert values(replica().ask(chunked(INFER, *(document[at : at + 1] for at in range(65_537))))) == [2]


def test_a_binary_request_that_comes_byte_by_byte_is_answered(replica: Make) -> None:
    asked = infer(*binary(2, 3))
    assert values(replica().ask(*(asked[at : at + 1] for at in range(len(asked))))) == [4, 6]


def test_requests_one_behind_the_other_are_answered_in_their_order(replica: Make) -> None:
    with replica().connect() as client:
        client.send(infer(body(1)) + infer(*binary(2)) + infer(b"{") + infer(body(3)))
        assert values(client.read()) == [2]
        assert values(client.read()) == [4]
        refused(client.read(), 400, "not valid JSON")
        assert values(client.read()) == [6]


def test_a_client_that_only_listens_any_more_gets_its_answer(replica: Make) -> None:
    with replica().connect() as client:
        client.send(infer(body(1)))
        client.socket.shutdown(socket.SHUT_WR)
        assert values(client.read()) == [2]


def test_the_clients_own_timeout_is_504_and_its_request_is_dropped(replica: Make) -> None:
    one = replica(warmup=DEAR)
    one.model.hold()
    with one.connect() as running, one.connect() as impatient:
        running.send(infer(body(1)))
        one.model.entered()
        refused(impatient.ask(infer(body(2, parameters={"timeout": 20_000}))), 504, "no response within the 0.02 s")
        one.model.release()
        assert values(running.read()) == [2]
        assert values(impatient.ask(infer(body(3, parameters={"timeout": 60_000_000})))) == [6]
    assert one.model.batches == [1, 1]


def test_a_client_that_leaves_takes_its_request_with_it(replica: Make) -> None:
    one = replica(warmup=DEAR)
    one.model.hold()
    with one.connect() as running:
        running.send(infer(body(1)))
        one.model.entered()
        for members in ({}, {"parameters": {"timeout": 60_000_000}}):
            leaving = one.connect()
            leaving.send(infer(body(2, **members)))
            one.front.until(lambda: one.in_flight == 2)
            leaving.reset()
            one.front.until(lambda: one.in_flight == 1)
        one.model.release()
        assert values(running.read()) == [2]
    assert one.model.batches == [1]


def test_a_full_queue_is_429_and_a_closed_model_503_with_retry_after(replica: Make) -> None:
    one = replica(warmup=DEAR, queue=1)
    one.model.hold()
    with one.connect() as running, one.connect() as waiting, one.connect() as third:
        running.send(infer(body(1)))
        one.model.entered()
        waiting.send(infer(body(1)))
        one.front.until(lambda: one.in_flight == 2)
        full = third.ask(infer(body(1)))
        refused(full, 429, "requests are waiting")
        assert int(full.header("retry-after") or 0) >= 1
        one.model.release()
        assert running.read().status == waiting.read().status == 200
        one.front.on_loop(one.version.scheduler.close)
        closed = third.ask(infer(body(1)))
        refused(closed, 503, "shutting down")
        assert closed.header("retry-after") == "1"


def test_a_model_that_raises_is_500_and_keeps_its_words_to_the_log(
    replica: Make, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Any) -> Any:
        raise RuntimeError("secret in /srv/models")

    one = replica(FakeModel(fails))
    with caplog.at_level(logging.ERROR):
        answer = one.ask(infer(body(1), x_request_id="case-7"))
    refused(answer, 500, "the model failed on this request (case-7)")
    assert b"secret" not in answer.body
    assert "secret in /srv/models" in caplog.text


def test_an_output_that_cannot_be_written_is_500(replica: Make, caplog: pytest.LogCaptureFixture) -> None:
    one = replica(FakeModel(lambda inputs: {"y": inputs["x"] * 1j}))
    refused(one.ask(infer(body(1))), 500, "internal error")
    assert caplog.records


SAME = [
    infer(body(1)),
    infer(*binary(2, 3, parameters={"binary_data_output": True})),
    infer(body(*range(500)), accept_encoding="gzip"),
    request(INFER, np.ones(2, np.float32).tobytes(), inference_header_content_length="0"),
    infer(body(1), path=VERSIONED),
    infer(body(1), version="1.0"),
    infer(body(1), connection="close"),
    infer(b"{"),
    infer(body(1, outputs=[{"name": "z"}])),
    request(INFER, b" " * 5000),
    chunked(INFER, b" " * 5000),
    request(INFER, method="GET"),
]


@pytest.mark.parametrize("raw", SAME, ids=range(len(SAME)))
def test_both_ways_give_the_same_answer_to_the_byte(shared_front: Front, raw: bytes) -> None:
    told = []
    for way in ("fast path", "asgi"):
        one = Replica(shared_front, way, body=4096)
        answer = one.ask(raw.replace(b"host:", b"x-request-id: same\r\nhost:", 1))
        one.close()
        timeless = re.sub(r"dur=[0-9.]+", "dur=T", answer.header("server-timing") or "")
        headers = {(name, value) for name, value in answer.headers if name not in ("date", "server", "server-timing")}
        told.append((answer.status, answer.body, headers, timeless))
    assert told[0] == told[1]
