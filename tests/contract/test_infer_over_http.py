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
from tests.contract.http_server import HttpServer
from tests.contract.oip import INFER, VERSIONED, binary, body, infer, refused, values
from tests.contract.replica import DEAR, ONE, PREDICT, Replica
from tests.fakes import FakeModel


def test_an_infer_response_has_every_output(replica: Make) -> None:
    rig = replica()
    response = rig.fetch(infer(body(2, -4, id="a-7")))
    assert response.json == {
        "model_name": "doubler",
        "model_version": "3",
        "id": "a-7",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [4.0, -8.0]}],
    }
    assert response.header("content-type") == "application/json"
    assert response.header("content-length") == str(len(response.body))
    assert response.header("date")
    assert re.fullmatch(r'queue;dur=.*, batch;desc="2", compute;dur=.*', response.header("server-timing") or "")
    assert rig.by_fast_path == (rig.way == "fast path")


def test_raw_contents_go_in_and_out(replica: Make) -> None:
    rig = replica()
    response = rig.fetch(infer(*binary(2, -4, parameters={"binary_data_output": True})))
    assert response.header("content-type") == "application/octet-stream"
    end = int(response.header("inference-header-content-length") or 0)
    [output] = orjson.loads(response.body[:end])["outputs"]
    assert output["parameters"] == {"binary_data_size": 8}
    assert np.frombuffer(response.body[end:], "<f4").tolist() == [4.0, -8.0]
    assert rig.by_fast_path == (rig.way == "fast path")


def test_a_body_without_a_header_is_the_input_itself(replica: Make) -> None:
    raw = np.array([2, -4], np.float32).tobytes()
    response = replica().fetch(request(INFER, raw, inference_header_content_length="0"))
    assert np.frombuffer(response.body[-8:], "<f4").tolist() == [4.0, -8.0]


def test_the_path_of_a_version_returns_the_same_as_the_plain_one(replica: Make) -> None:
    rig = replica()
    assert rig.fetch(infer(body(1), path=VERSIONED)).body == rig.fetch(infer(body(1))).body
    assert rig.by_fast_path == (rig.way == "fast path")


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", "text/plain", ""])
def test_the_content_type_is_ignored(replica: Make, content_type: str) -> None:
    assert values(replica().fetch(infer(body(1), content_type=content_type))) == [2]


def test_requests_of_both_protocols_share_a_call_of_the_model(replica: Make) -> None:
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as first, rig.connect() as second, rig.connect() as third, rig.connect() as fourth:
        first.send(request(PREDICT, ONE))
        rig.model.entered()
        for client, sent in (
            (second, infer(body(2))),
            (third, infer(*binary(3))),
            (fourth, request(PREDICT, b'{"instances": [[4]]}')),
        ):
            client.send(sent)
        rig.http_server.until(lambda: rig.in_flight == 4)
        rig.model.release()
        assert first.read().json["predictions"] == [[3.0]]
        assert values(second.read()) == [4]
        assert values(third.read()) == [6]
        assert fourth.read().json["predictions"] == [[8.0]]
    assert rig.model.batches == [1, 3]


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_request_is_accepted(replica: Make, coding: str, compress: Any) -> None:
    document, raw = binary(*range(3000))
    packed = compress(document + raw)
    length = str(len(document))
    response = replica().fetch(request(INFER, packed, content_encoding=coding, inference_header_content_length=length))
    assert values(response) == [2.0 * number for number in range(3000)]


@pytest.mark.parametrize("rows", [300, 40_000])
@pytest.mark.parametrize(("coding", "expand"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_a_response_is_compressed_if_requested(replica: Make, coding: str, expand: Any, rows: int) -> None:
    sent = infer(*binary(*range(rows), parameters={"binary_data_output": True}), accept_encoding=coding)
    response = replica().fetch(sent)
    assert response.header("content-encoding") == coding
    whole = expand(response.body)
    end = int(response.header("inference-header-content-length") or 0)
    assert np.frombuffer(whole[end:], "<f4").tolist() == [2.0 * number for number in range(rows)]


@pytest.mark.parametrize(("rows", "accept"), [(1, "gzip"), (3000, "gzip, deflate"), (3000, "identity")])
def test_a_response_is_not_compressed_if_it_is_short_or_compression_is_not_requested(
    replica: Make, rows: int, accept: str
) -> None:
    response = replica().fetch(infer(*binary(*range(rows)), accept_encoding=accept))
    assert response.header("content-encoding") is None
    assert len(values(response)) == rows


def test_a_body_that_inflates_past_the_limit_is_413(replica: Make) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    refused(
        replica(body=100_000).fetch(request(INFER, bomb, content_encoding="gzip")),
        413,
        "inflates to more than the limit of 100000",
    )


def test_a_body_that_contradicts_its_encoding_is_400(replica: Make) -> None:
    refused(replica().fetch(request(INFER, b"no gzip", content_encoding="gzip")), 400, "the body is not valid gzip")


def test_another_coding_is_415(replica: Make) -> None:
    refused(replica().fetch(request(INFER, b"x", content_encoding="br")), 415, "only gzip and deflate are")


@pytest.mark.parametrize(
    ("sent", "status", "message"),
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
        (chunked(INFER, b" " * 5000), 413, "limit of 4096 bytes"),
    ],
)
def test_an_invalid_request_is_rejected_and_the_connection_stays_open(
    replica: Make, sent: bytes, status: int, message: str
) -> None:
    with replica(body=4096 if status == 413 else 2**20).connect() as client:
        refused(client.fetch(sent), status, message)
        assert values(client.fetch(infer(body(1)))) == [2]


def test_an_invalid_request_does_not_affect_others_in_its_batch(replica: Make) -> None:
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as first, rig.connect() as bad, rig.connect() as good:
        first.send(infer(body(1)))
        rig.model.entered()
        good.send(infer(body(2)))
        refused(bad.fetch(infer(body(1).replace(b"FP32", b"BYTES"))), 400, "expected FP32, got BYTES")
        rig.http_server.until(lambda: rig.in_flight == 2)
        rig.model.release()
        assert values(first.read()) == [2]
        assert values(good.read()) == [4]


def test_a_request_in_65537_chunks_of_a_byte_succeeds(replica: Make) -> None:
    document = body(1).ljust(65_537)
    assert values(replica().fetch(chunked(INFER, *(document[at : at + 1] for at in range(65_537))))) == [2]


def test_a_binary_request_that_arrives_byte_by_byte_succeeds(replica: Make) -> None:
    sent = infer(*binary(2, 3))
    assert values(replica().fetch(*(sent[at : at + 1] for at in range(len(sent))))) == [4, 6]


def test_pipelined_requests_are_answered_in_order(replica: Make) -> None:
    with replica().connect() as client:
        client.send(infer(body(1)) + infer(*binary(2)) + infer(b"{") + infer(body(3)))
        assert values(client.read()) == [2]
        assert values(client.read()) == [4]
        refused(client.read(), 400, "not valid JSON")
        assert values(client.read()) == [6]


def test_a_client_that_has_closed_its_sending_side_gets_its_response(replica: Make) -> None:
    with replica().connect() as client:
        client.send(infer(body(1)))
        client.socket.shutdown(socket.SHUT_WR)
        assert values(client.read()) == [2]


def test_the_clients_own_timeout_is_504_and_its_request_is_dropped(replica: Make) -> None:
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as running, rig.connect() as impatient:
        running.send(infer(body(1)))
        rig.model.entered()
        refused(impatient.fetch(infer(body(2, parameters={"timeout": 20_000}))), 504, "no response within 0.02 s")
        rig.model.release()
        assert values(running.read()) == [2]
        assert values(impatient.fetch(infer(body(3, parameters={"timeout": 60_000_000})))) == [6]
    assert rig.model.batches == [1, 1]


def test_a_client_that_disconnects_cancels_its_request(replica: Make) -> None:
    rig = replica(warmup=DEAR)
    rig.model.hold()
    with rig.connect() as running:
        running.send(infer(body(1)))
        rig.model.entered()
        for members in ({}, {"parameters": {"timeout": 60_000_000}}):
            leaving = rig.connect()
            leaving.send(infer(body(2, **members)))
            rig.http_server.until(lambda: rig.in_flight == 2)
            leaving.reset()
            rig.http_server.until(lambda: rig.in_flight == 1)
        rig.model.release()
        assert values(running.read()) == [2]
    assert rig.model.batches == [1]


def test_a_full_queue_is_429_and_a_closed_model_503_with_retry_after(replica: Make) -> None:
    rig = replica(warmup=DEAR, queue=1)
    rig.model.hold()
    with rig.connect() as running, rig.connect() as waiting, rig.connect() as third:
        running.send(infer(body(1)))
        rig.model.entered()
        waiting.send(infer(body(1)))
        rig.http_server.until(lambda: rig.in_flight == 2)
        full = third.fetch(infer(body(1)))
        refused(full, 429, "requests are waiting")
        assert int(full.header("retry-after") or 0) >= 1
        rig.model.release()
        assert running.read().status == waiting.read().status == 200
        rig.http_server.on_loop(rig.version.scheduler.close)
        closed = third.fetch(infer(body(1)))
        refused(closed, 503, "shutting down")
        assert closed.header("retry-after") == "1"


def test_an_exception_of_a_model_is_500_and_its_text_is_only_in_the_log(
    replica: Make, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Any) -> Any:
        raise RuntimeError("secret in /srv/models")

    rig = replica(FakeModel(fails))
    with caplog.at_level(logging.ERROR):
        response = rig.fetch(infer(body(1), x_request_id="case-7"))
    refused(response, 500, "the model failed on this request (case-7)")
    assert b"secret" not in response.body
    assert "secret in /srv/models" in caplog.text


def test_an_output_that_cannot_be_written_is_500(replica: Make, caplog: pytest.LogCaptureFixture) -> None:
    rig = replica(FakeModel(lambda inputs: {"y": inputs["x"] * 1j}))
    refused(rig.fetch(infer(body(1))), 500, "internal error")
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
def test_the_fast_path_and_the_slow_path_return_the_same_bytes(shared_server: HttpServer, raw: bytes) -> None:
    result = []
    for way in ("fast path", "asgi"):
        rig = Replica(shared_server, way, body=4096)
        response = rig.fetch(raw.replace(b"host:", b"x-request-id: same\r\nhost:", 1))
        rig.close()
        timeless = re.sub(r"dur=[0-9.]+", "dur=T", response.header("server-timing") or "")
        headers = {(name, value) for name, value in response.headers if name not in ("date", "server", "server-timing")}
        result.append((response.status, response.body, headers, timeless))
    assert result[0] == result[1]
