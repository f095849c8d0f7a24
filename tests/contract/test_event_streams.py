"""Streamed responses over HTTP: our own server-sent events, and Triton's generate extension."""

import json
from collections.abc import Iterator

import pytest
import requests

from modelyard.errors import InferenceFailed
from tests.contract.client import Client, request
from tests.contract.replica import ONE
from tests.fakes import PATIENCE_S, FakeGenerator

STREAM = "/models/doubler/stream"
GENERATE, GENERATE_STREAM = "/v2/models/doubler/generate", "/v2/models/doubler/generate_stream"


@pytest.fixture
def way() -> str:
    """Streams never take the fast path."""
    return "asgi"


def open_stream(rig, path: str, body: bytes, **headers: str) -> requests.Response:
    return requests.post(
        f"http://127.0.0.1:{rig.http_server.port}{path}", data=body, headers=headers, stream=True, timeout=PATIENCE_S
    )


def events(response: requests.Response) -> Iterator[tuple[str, dict]]:
    """Kind and data of each event, in order."""
    for event in response.iter_lines(delimiter=b"\n\n", chunk_size=1):
        if event:
            fields = dict(line.split(": ", 1) for line in event.decode().split("\n"))
            yield fields.get("event", "message"), json.loads(fields["data"])


def test_each_part_is_an_event_in_the_form_of_a_response(replica):
    with open_stream(replica(FakeGenerator(2)), STREAM, ONE) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
        result = list(events(response))
    head = {"model_name": "doubler", "model_version": "3"}
    assert result == [("message", {**head, "predictions": [[value]]}) for value in (3.0, 6.0)]


def test_a_part_is_there_before_the_next_is_computed(replica):
    rig = replica(FakeGenerator(2))
    with open_stream(rig, STREAM, ONE) as response:
        rig.model.entered()
        rig.model.hold()
        came = events(response)
        assert next(came)[1]["predictions"] == [[3.0]]
        rig.model.release()
        assert next(came)[1]["predictions"] == [[6.0]]


def test_a_model_that_does_not_generate_sends_one_event(replica):
    with open_stream(replica(), STREAM, ONE) as response:
        assert [data["predictions"] for _, data in events(response)] == [[[3.0]]]


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (STREAM, b'{"instances": [["a"]]}', "detail"),
        (GENERATE_STREAM, b'{"x": "a"}', "error"),
        (GENERATE, b'{"x": "a"}', "error"),
        (GENERATE, b'{"z": 1}', "error"),
    ],
)
def test_an_error_before_the_first_part_is_an_ordinary_response(replica, path, body, says):
    with open_stream(replica(FakeGenerator()), path, body) as response:
        assert (response.status_code, says in response.json()) == (400, True)


def test_a_failure_of_the_first_step_is_an_ordinary_response(replica):
    def fail(inputs):
        raise ValueError("internals")

    with open_stream(replica(FakeGenerator(call=fail)), STREAM, ONE) as response:
        assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
        assert "internals" not in response.text


@pytest.mark.parametrize(
    ("path", "kind", "member"), [(STREAM, "error", "detail"), (GENERATE_STREAM, "message", "error")]
)
def test_a_later_failure_is_the_last_event(replica, path, kind, member):
    def once(inputs):
        if inputs["x"][0, 0] > 2:
            raise InferenceFailed("out of words")
        return {"y": inputs["x"]}

    body = ONE if path == STREAM else b'{"x": 1.5}'
    with open_stream(replica(FakeGenerator(call=once)), path, body) as response:
        (_, first), (result_kind, result) = events(response)
    assert (result_kind, result[member].partition(" (")[0], member in first) == (kind, "out of words", False)


def test_a_client_that_disconnects_stops_the_model_within_a_step(replica):
    rig = replica(FakeGenerator(10**9))
    with rig.connect() as client:
        client.send(request(STREAM, ONE))
        client.line()
        rig.model.entered()
    rig.http_server.until(lambda: rig.in_flight == 0)
    rig.http_server.until(lambda: len(rig.model.ended) == 1)
    calls = len(rig.model.calls)
    assert rig.model.ended == [calls]


def test_a_client_that_does_not_read_delays_only_its_stream_and_uses_no_memory(replica):
    rig = replica(FakeGenerator(10**9))
    with rig.connect() as lazy:
        lazy.send(request(STREAM, b'{"instances": [' + b"[1.5]," * 2000 + b"[1.5]]}"))
        connection = rig.http_server.connection(lazy.port)
        rig.http_server.until(lambda: connection.flow.write_paused)
        calls = len(rig.model.calls)
        assert rig.fetch(request("/models/doubler/predict", ONE)).status == 200
        assert len(rig.model.calls) <= calls + 2, "the other request's call, and a step under way"


def test_generate_accepts_values_and_returns_values(replica):
    rig = replica(FakeGenerator(2))
    body = b'{"x": 1.5, "id": "7", "parameters": {"temperature": 0}}'
    with open_stream(rig, GENERATE, body) as response:
        assert response.json() == {"model_name": "doubler", "model_version": "3", "id": "7", "y": 3.0}
    with open_stream(rig, "/v2/models/doubler/versions/3/generate_stream", body) as response:
        assert [data["y"] for _, data in events(response)] == [3.0, 6.0]


def test_an_input_of_generate_may_be_among_the_parameters(replica):
    with open_stream(replica(), GENERATE, b'{"parameters": {"x": 4}}') as response:
        assert response.json()["y"] == 8.0


def test_every_stream_is_counted_once_by_its_protocol(replica):
    rig = replica(FakeGenerator(2))
    for path, body in ((STREAM, ONE), (GENERATE_STREAM, b'{"x": 1}'), (GENERATE, b'{"x": 1}'), (GENERATE, b"{}")):
        with open_stream(rig, path, body) as response:
            response.content  # noqa: B018 - to its end
    codes = rig.version.counts.codes
    assert (codes["stream"]["ok"], codes["generate"]["ok"], codes["generate"]["invalid"]) == (1, 2, 1)


def test_one_more_than_the_queue_holds_is_rejected(replica):
    rig = replica(FakeGenerator(10**9), queue=1)
    with Client(rig.http_server.port) as first:
        first.send(request(STREAM, ONE))
        rig.model.entered()
        with open_stream(rig, STREAM, ONE) as response:
            assert (response.status_code, response.headers["retry-after"]) == (429, "1")


INFER_STREAM = "/v2/models/doubler/infer_stream"
INFER = {"id": "7", "inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.5]}]}


@pytest.mark.parametrize("parts", [0, 2], ids=["a whole output", "parts"])
def test_mlservers_stream_has_an_infer_response_for_each_part(replica, parts):
    rig = replica(FakeGenerator(parts) if parts else None)
    with open_stream(rig, INFER_STREAM, json.dumps(INFER).encode()) as response:
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
        result = [data for _, data in events(response)]
    assert [(each["id"], each["outputs"][0]["data"]) for each in result] == [
        ("7", [value]) for value in ([3.0, 6.0] if parts else [3.0])
    ]
    assert rig.version.counts.codes["oip"]["ok"] == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"inputs": []}, "missing input 'x'"),
        ({**INFER, "parameters": {"binary_data_output": True}}, "raw contents cannot be requested here"),
    ],
)
def test_an_error_of_mlservers_stream_is_an_ordinary_response(replica, body, says):
    with open_stream(replica(), INFER_STREAM, json.dumps(body).encode()) as response:
        assert (response.status_code, says in response.json()["error"]) == (400, True)
