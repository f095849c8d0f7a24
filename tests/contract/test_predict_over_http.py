"""What clients of `POST .../predict` get from a replica: the same on the fast path and on the slow path."""

import http.client
import io
import logging
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.contract.client import Response, chunked, request
from tests.contract.conftest import Make
from tests.contract.http_server import HttpServer
from tests.contract.replica import DEAR, ONE, PREDICT, TWO, Replica
from tests.fakes import FakeModel
from tests.unit.protocols.arrow.streams import stream

VERSIONED = "/models/doubler/versions/3/predict"
JSON = "application/json"


def test_json_rows_get_their_predictions(replica: Make) -> None:
    rig = replica()
    response = rig.fetch(request(PREDICT, TWO, content_type=JSON))
    assert (response.version, response.status) == ("HTTP/1.1", 200)
    assert response.json == {"model_name": "doubler", "model_version": "3", "predictions": [[4.0], [-8.0]]}
    assert response.header("content-type") == JSON
    assert response.header("content-length") == str(len(response.body))
    assert response.header("date")
    assert rig.by_fast_path == (rig.way == "fast path")


def test_csv_gets_the_same_response_as_json(replica: Make) -> None:
    response = replica().fetch(request(PREDICT, b"x\n2\n-4\n", content_type="text/csv"))
    assert response.json["predictions"] == [[4.0], [-8.0]]


def test_the_path_of_a_version_returns_the_same_as_the_plain_one(replica: Make) -> None:
    rig = replica()
    assert rig.fetch(request(VERSIONED, ONE)).body == rig.fetch(request(PREDICT, ONE)).body
    assert rig.by_fast_path == (rig.way == "fast path")


def test_the_standard_librarys_client_works(replica: Make) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", replica().http_server.port, timeout=10)
    for _ in range(3):
        connection.request("POST", PREDICT, TWO, {"content-type": JSON})
        assert b'"predictions":[[4.0],[-8.0]]' in connection.getresponse().read()
    connection.close()


def test_server_timing_has_the_time_of_each_step(replica: Make) -> None:
    timing = replica().fetch(request(PREDICT, TWO)).header("server-timing")
    assert re.fullmatch(r'queue;dur=\d+\.\d{3}, batch;desc="2", compute;dur=\d+\.\d{3}', timing or "")


@pytest.mark.parametrize("offered", ["order-66", "A.b_c:d/e+f=g@h", "x" * 128])
def test_a_clean_request_id_comes_back(replica: Make, offered: str) -> None:
    rig = replica()
    assert rig.fetch(request(PREDICT, ONE, x_request_id=offered)).header("x-request-id") == offered
    refused = rig.fetch(request(PREDICT, b"{", x_request_id=offered))
    assert refused.header("x-request-id") == refused.json["request_id"] == offered


@pytest.mark.parametrize("offered", ["", 'a"b<c>', "two words", "x" * 129, "caf\u00e9", "a\tb"])
def test_a_request_id_that_is_not_clean_is_replaced(replica: Make, offered: str) -> None:
    rig = replica()
    for body in (ONE, b"{"):
        response = rig.fetch(request(PREDICT, body, x_request_id=offered))
        assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", response.header("x-request-id") or "")


def test_requests_without_an_id_get_different_ones(replica: Make) -> None:
    rig = replica()
    assert len({rig.fetch(request(PREDICT, ONE)).header("x-request-id") for _ in range(5)}) == 5


def test_of_two_request_ids_only_the_last_is_returned(replica: Make) -> None:
    twice = request(PREDICT, ONE, x_request_id="first").replace(b"host:", b"x-request-id: zeroth\r\nhost:")
    assert replica().fetch(twice).header("x-request-id") == "first"


def refused(response: Response, status: int, detail: str) -> None:
    """Check that the response is a problem document with this status, and this text in its detail."""
    assert response.status == status, response.body
    assert response.header("content-type") == "application/problem+json"
    assert response.json["status"] == status
    assert detail in response.json["detail"]
    assert response.json["instance"] in (PREDICT, response.json["instance"])
    assert response.json["request_id"] == response.header("x-request-id")
    assert "server-timing" not in dict(response.headers)


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
def test_an_invalid_request_is_rejected_and_the_connection_stays_open(
    replica: Make, body: bytes, content_type: str, status: int, detail: str
) -> None:
    with replica().connect() as client:
        refused(client.fetch(request(PREDICT, body, content_type=content_type)), status, detail)
        assert client.fetch(request(PREDICT, ONE)).status == 200


def test_bad_values_are_listed_with_their_pointers(replica: Make) -> None:
    response = replica().fetch(request(PREDICT, b'{"instances": [[1], ["two"], [3], ["4"]]}'))
    assert [bad["pointer"] for bad in response.json["errors"]] == ["/instances/1/0", "/instances/3/0"]


def test_a_body_with_content_encoding_identity_is_accepted(replica: Make) -> None:
    assert replica().fetch(request(PREDICT, ONE, content_encoding="identity")).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", [PREDICT, VERSIONED])
def test_another_method_is_405_and_the_response_names_the_allowed_one(replica: Make, method: str, path: str) -> None:
    with replica().connect() as client:
        client.send(request(path, method=method))
        response = client.read(head=method == "HEAD")
        assert (response.status, response.header("allow")) == (405, "POST")
        assert client.fetch(request(path, ONE)).status == 200


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
    refused(replica().fetch(request(path, ONE)), 404, "no ")


def test_a_request_past_its_deadline_is_504(replica: Make) -> None:
    rig = replica(warmup=DEAR, timeout_s=0.05)
    rig.model.hold()
    refused(rig.fetch(request(PREDICT, ONE)), 504, "no response within 0.05 s")


def test_one_request_more_than_the_queue_holds_is_429_with_retry_after(replica: Make) -> None:
    rig = replica(warmup=DEAR, queue=1)
    rig.model.hold()
    with rig.connect() as running, rig.connect() as waiting, rig.connect() as third:
        running.send(request(PREDICT, ONE))
        rig.model.entered()
        waiting.send(request(PREDICT, ONE))
        rig.http_server.until(lambda: rig.in_flight == 2)
        response = third.fetch(request(PREDICT, ONE))
        refused(response, 429, "requests are waiting")
        assert int(response.header("retry-after") or 0) >= 1
        rig.model.release()
        assert running.read().status == waiting.read().status == 200


def test_a_model_that_is_shut_down_is_503_with_retry_after(replica: Make) -> None:
    rig = replica()
    rig.http_server.on_loop(rig.version.scheduler.close)
    response = rig.fetch(request(PREDICT, ONE))
    refused(response, 503, "shutting down")
    assert response.header("retry-after") == "1"


def _raise(error: Exception) -> Any:
    raise error


def _strange(inputs: Any) -> Any:
    return {"y": [object()] * len(inputs["x"])}


@pytest.mark.parametrize("warmup", [DEAR, None])
def test_an_exception_of_a_model_is_500_and_its_text_is_only_in_the_log(
    replica: Make, caplog: pytest.LogCaptureFixture, warmup: Any
) -> None:
    options = {"warmup": warmup} if warmup else {}
    rig = replica(FakeModel(lambda _: _raise(RuntimeError("secret in /srv/models"))), **options)
    with caplog.at_level(logging.ERROR):
        response = rig.fetch(request(PREDICT, ONE, x_request_id="case-7"))
    refused(response, 500, "the model failed on this request")
    assert b"secret" not in response.body
    assert b"/srv" not in response.body
    assert "secret in /srv/models" in caplog.text
    assert "request case-7 failed" in caplog.text


def test_an_output_that_cannot_be_written_is_500_for_its_request_alone(
    replica: Make, caplog: pytest.LogCaptureFixture
) -> None:
    broken = {"now": True}
    rig = replica(FakeModel(lambda inputs: _strange(inputs) if broken["now"] else {"y": inputs["x"]}))
    with rig.connect() as client:
        refused(client.fetch(request(PREDICT, ONE)), 500, "")
        broken["now"] = False
        assert client.fetch(request(PREDICT, ONE)).status == 200
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
def test_the_fast_path_and_the_slow_path_return_the_same_bytes(shared_server: HttpServer, raw: bytes) -> None:
    result = []
    for way in ("fast path", "asgi"):
        rig = Replica(shared_server, way, body=4096)
        with rig.connect() as client:
            response = client.fetch(raw.replace(b"host:", b"x-request-id: same\r\nhost:", 1))
            closed = response.header("connection") == "close" and client.at_end()
        rig.close()
        timeless = re.sub(r"dur=[0-9.]+", "dur=T", response.header("server-timing") or "")
        headers = {(name, value) for name, value in response.headers if name not in ("date", "server", "server-timing")}
        result.append((response.status, response.body, headers, timeless, closed))
    assert result[0] == result[1]


def test_csv_and_arrays_are_returned_if_they_are_accepted(replica: Make) -> None:
    rig = replica()
    table = rig.fetch(request(PREDICT, TWO, accept="text/csv"))
    assert (table.header("content-type"), table.body) == ("text/csv", b"prediction\n4.0\n-8.0\n")
    file = io.BytesIO()
    np.save(file, np.array([[2], [-4]], np.float32))
    array = rig.fetch(request(PREDICT, file.getvalue(), content_type="application/x-npy", accept="application/x-npy"))
    assert array.header("content-type") == "application/x-npy"
    assert np.load(io.BytesIO(array.body)).tolist() == [[4.0], [-8.0]]
    assert rig.by_fast_path == (rig.way == "fast path")


def test_an_arrow_table_gets_an_arrow_table(replica: Make) -> None:
    rig = replica()
    arrow = "application/vnd.apache.arrow.stream"
    response = rig.fetch(request(PREDICT, stream({"x": [2, -4]}), content_type=arrow, accept=arrow))
    assert (response.status, response.header("content-type")) == (200, arrow)
    assert pa.ipc.open_stream(response.body).read_all().to_pydict() == {"prediction": [4.0, -8.0]}
    refused(rig.fetch(request(PREDICT, b"ARROW1", content_type=arrow)), 400, "not a valid Arrow stream")
    assert rig.by_fast_path == (rig.way == "fast path")


def test_a_response_that_no_accepted_format_can_hold_is_406(replica: Make) -> None:
    rig = replica(FakeModel(lambda inputs: {"y": np.ones((len(inputs["x"]), 2, 2))}))
    refused(rig.fetch(request(PREDICT, ONE, accept="text/csv")), 406, "cannot be sent as a table; request JSON")
