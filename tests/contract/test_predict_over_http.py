"""What clients of `POST .../predict` get from a replica: the same on the fast path and on the slow path."""

import http.client
import io
import logging
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.contract.client import Answer, chunked, request
from tests.contract.conftest import Make
from tests.contract.front import Front
from tests.contract.replica import DEAR, ONE, PREDICT, TWO, Replica
from tests.fakes import FakeModel
from tests.unit.protocols.arrow.streams import stream

VERSIONED = "/models/doubler/versions/3/predict"
JSON = "application/json"


def test_rows_of_json_are_answered_with_their_predictions(replica: Make) -> None:
    one = replica()
    answer = one.ask(request(PREDICT, TWO, content_type=JSON))
    assert (answer.version, answer.status) == ("HTTP/1.1", 200)
    assert answer.json == {"model_name": "doubler", "model_version": "3", "predictions": [[4.0], [-8.0]]}
    assert answer.header("content-type") == JSON
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("date")
    assert one.by_fast_path == (one.way == "fast path")


def test_csv_is_answered_like_json(replica: Make) -> None:
    answer = replica().ask(request(PREDICT, b"x\n2\n-4\n", content_type="text/csv"))
    assert answer.json["predictions"] == [[4.0], [-8.0]]


def test_the_path_of_a_version_answers_like_the_plain_one(replica: Make) -> None:
    one = replica()
    assert one.ask(request(VERSIONED, ONE)).body == one.ask(request(PREDICT, ONE)).body
    assert one.by_fast_path == (one.way == "fast path")


def test_the_standard_librarys_client_is_answered(replica: Make) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", replica().front.port, timeout=10)
    for _ in range(3):
        connection.request("POST", PREDICT, TWO, {"content-type": JSON})
        assert b'"predictions":[[4.0],[-8.0]]' in connection.getresponse().read()
    connection.close()


def test_server_timing_says_where_the_time_went(replica: Make) -> None:
    timing = replica().ask(request(PREDICT, TWO)).header("server-timing")
    assert re.fullmatch(r'queue;dur=\d+\.\d{3}, batch;desc="2", compute;dur=\d+\.\d{3}', timing or "")


@pytest.mark.parametrize("offered", ["order-66", "A.b_c:d/e+f=g@h", "x" * 128])
def test_a_clean_request_id_comes_back(replica: Make, offered: str) -> None:
    one = replica()
    assert one.ask(request(PREDICT, ONE, x_request_id=offered)).header("x-request-id") == offered
    refused = one.ask(request(PREDICT, b"{", x_request_id=offered))
    assert refused.header("x-request-id") == refused.json["request_id"] == offered


@pytest.mark.parametrize("offered", ["", 'a"b<c>', "two words", "x" * 129, "caf\u00e9", "a\tb"])
def test_a_request_id_that_is_not_clean_is_replaced(replica: Make, offered: str) -> None:
    one = replica()
    for body in (ONE, b"{"):
        answer = one.ask(request(PREDICT, body, x_request_id=offered))
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.header("x-request-id") or "")


def test_requests_without_an_id_get_different_ones(replica: Make) -> None:
    one = replica()
    assert len({one.ask(request(PREDICT, ONE)).header("x-request-id") for _ in range(5)}) == 5


def test_of_two_request_ids_the_last_is_answered_and_it_alone(replica: Make) -> None:
    twice = request(PREDICT, ONE, x_request_id="first").replace(b"host:", b"x-request-id: zeroth\r\nhost:")
    assert replica().ask(twice).header("x-request-id") == "first"


def refused(answer: Answer, status: int, detail: str) -> None:
    """The answer is a problem document with this status, and this in its detail."""
    assert answer.status == status, answer.body
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json["status"] == status
    assert detail in answer.json["detail"]
    assert answer.json["instance"] in (PREDICT, answer.json["instance"])
    assert answer.json["request_id"] == answer.header("x-request-id")
    assert "server-timing" not in dict(answer.headers)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "detail"),
    [
        (b'{"instances": [[1', JSON, 400, "not valid JSON"),
        (b"[" * 100_000, JSON, 400, "not valid JSON"),
        (b"", JSON, 400, "the body is empty"),
        (b'{"rows": [1]}', JSON, 400, "unknown member"),
        (b'{"instances": [["one"]]}', JSON, 400, "expected a number"),
        (b"\xff", "text/csv", 400, "not UTF-8"),
        (b"<x/>", "application/xml", 415, "application/json and text/csv"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_connection_lives_on(
    replica: Make, body: bytes, content_type: str, status: int, detail: str
) -> None:
    with replica().connect() as client:
        refused(client.ask(request(PREDICT, body, content_type=content_type)), status, detail)
        assert client.ask(request(PREDICT, ONE)).status == 200


def test_bad_values_are_listed_with_their_pointers(replica: Make) -> None:
    answer = replica().ask(request(PREDICT, b'{"instances": [[1], ["two"], [3], ["4"]]}'))
    assert [bad["pointer"] for bad in answer.json["errors"]] == ["/instances/1/0", "/instances/3/0"]


def test_a_body_that_says_it_is_not_compressed_is_taken(replica: Make) -> None:
    assert replica().ask(request(PREDICT, ONE, content_encoding="identity")).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", [PREDICT, VERSIONED])
def test_another_method_is_405_and_names_the_right_one(replica: Make, method: str, path: str) -> None:
    with replica().connect() as client:
        client.send(request(path, method=method))
        answer = client.read(head=method == "HEAD")
        assert (answer.status, answer.header("allow")) == (405, "POST")
        assert client.ask(request(path, ONE)).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/models/doubler/versions/4/predict",
        "/models/doubler/versions/03/predict",
        "/models/doubler/predict/more",
        "/models/doubler/predict%0A",
        "/models/doubler/PREDICT",
        "/models/doublers/predict",
    ],
)
def test_a_path_or_version_that_is_not_there_is_404(replica: Make, path: str) -> None:
    refused(replica().ask(request(path, ONE)), 404, "no ")


def test_a_request_past_its_deadline_is_504(replica: Make) -> None:
    one = replica(warmup=DEAR, timeout_s=0.05)
    one.model.hold()
    refused(one.ask(request(PREDICT, ONE)), 504, "no response within 0.05 s")


def test_one_request_more_than_the_queue_holds_is_429_with_retry_after(replica: Make) -> None:
    one = replica(warmup=DEAR, queue=1)
    one.model.hold()
    with one.connect() as running, one.connect() as waiting, one.connect() as third:
        running.send(request(PREDICT, ONE))
        one.model.entered()
        waiting.send(request(PREDICT, ONE))
        one.front.until(lambda: one.in_flight == 2)
        answer = third.ask(request(PREDICT, ONE))
        refused(answer, 429, "requests are waiting")
        assert int(answer.header("retry-after") or 0) >= 1
        one.model.release()
        assert running.read().status == waiting.read().status == 200


def test_a_model_that_is_shut_down_is_503_with_retry_after(replica: Make) -> None:
    one = replica()
    one.front.on_loop(one.version.scheduler.close)
    answer = one.ask(request(PREDICT, ONE))
    refused(answer, 503, "shutting down")
    assert answer.header("retry-after") == "1"


def _raise(error: Exception) -> Any:
    raise error


def _strange(inputs: Any) -> Any:
    return {"y": [object()] * len(inputs["x"])}


@pytest.mark.parametrize("warmup", [DEAR, None])
def test_a_model_that_raises_is_500_and_keeps_its_words_to_the_log(
    replica: Make, caplog: pytest.LogCaptureFixture, warmup: Any
) -> None:
    options = {"warmup": warmup} if warmup else {}
    one = replica(FakeModel(lambda _: _raise(RuntimeError("secret in /srv/models"))), **options)
    with caplog.at_level(logging.ERROR):
        answer = one.ask(request(PREDICT, ONE, x_request_id="case-7"))
    refused(answer, 500, "the model failed on this request")
    assert b"secret" not in answer.body
    assert b"/srv" not in answer.body
    assert "secret in /srv/models" in caplog.text
    assert "request case-7 failed" in caplog.text


def test_an_output_that_cannot_be_written_is_500_for_its_request_alone(
    replica: Make, caplog: pytest.LogCaptureFixture
) -> None:
    broken = {"now": True}
    one = replica(FakeModel(lambda inputs: _strange(inputs) if broken["now"] else {"y": inputs["x"]}))
    with one.connect() as client:
        refused(client.ask(request(PREDICT, ONE)), 500, "")
        broken["now"] = False
        assert client.ask(request(PREDICT, ONE)).status == 200
    assert caplog.records


SAME = [
    request(PREDICT, TWO, content_type=JSON),
    request(PREDICT, b"x\n1\n", content_type="text/csv; charset=utf-8"),
    request(VERSIONED, ONE),
    chunked(PREDICT, ONE[:5], ONE[5:]),
    request(PREDICT, b"{"),
    request(PREDICT, b'{"instances": [["one"], [2, 3]]}'),
    request(PREDICT, ONE, content_type="image/png"),
    request(PREDICT, b" " * 5000),
    chunked(PREDICT, b" " * 5000),
    request(PREDICT, ONE, version="1.0"),
    request(PREDICT, ONE, version="1.0", connection="keep-alive"),
    request(PREDICT, ONE, connection="close"),
    request(PREDICT, b"{", connection="close"),
    request(PREDICT, method="GET"),
    request("/models/doubler/versions/9/predict", ONE),
]


@pytest.mark.parametrize("raw", SAME, ids=range(len(SAME)))
def test_both_ways_give_the_same_answer_to_the_byte(shared_front: Front, raw: bytes) -> None:
    told = []
    for way in ("fast path", "asgi"):
        one = Replica(shared_front, way, body=4096)
        with one.connect() as client:
            answer = client.ask(raw.replace(b"host:", b"x-request-id: same\r\nhost:", 1))
            closed = answer.header("connection") == "close" and client.at_end()
        one.close()
        timeless = re.sub(r"dur=[0-9.]+", "dur=T", answer.header("server-timing") or "")
        headers = {(name, value) for name, value in answer.headers if name not in ("date", "server", "server-timing")}
        told.append((answer.status, answer.body, headers, timeless, closed))
    assert told[0] == told[1]


def test_csv_and_arrays_are_answered_to_who_accepts_them(replica: Make) -> None:
    one = replica()
    table = one.ask(request(PREDICT, TWO, accept="text/csv"))
    assert (table.header("content-type"), table.body) == ("text/csv", b"prediction\n4.0\n-8.0\n")
    file = io.BytesIO()
    np.save(file, np.array([[2], [-4]], np.float32))
    array = one.ask(request(PREDICT, file.getvalue(), content_type="application/x-npy", accept="application/x-npy"))
    assert array.header("content-type") == "application/x-npy"
    assert np.load(io.BytesIO(array.body)).tolist() == [[4.0], [-8.0]]
    assert one.by_fast_path == (one.way == "fast path")


def test_a_table_of_arrows_is_answered_with_one(replica: Make) -> None:
    one = replica()
    arrow = "application/vnd.apache.arrow.stream"
    answer = one.ask(request(PREDICT, stream({"x": [2, -4]}), content_type=arrow, accept=arrow))
    assert (answer.status, answer.header("content-type")) == (200, arrow)
    assert pa.ipc.open_stream(answer.body).read_all().to_pydict() == {"prediction": [4.0, -8.0]}
    refused(one.ask(request(PREDICT, b"ARROW1", content_type=arrow)), 400, "not a valid Arrow stream")
    assert one.by_fast_path == (one.way == "fast path")


def test_an_answer_that_does_not_fit_what_is_accepted_is_406(replica: Make) -> None:
    one = replica(FakeModel(lambda inputs: {"y": np.ones((len(inputs["x"]), 2, 2))}))
    refused(one.ask(request(PREDICT, ONE, accept="text/csv")), 406, "cannot be sent as a table; request JSON")
