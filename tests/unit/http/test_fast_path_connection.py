"""A connection with a fast path, event by event. tests/contract tests both paths over sockets."""

import tracemalloc

import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.endpoint import PredictResponse
from tests.contract.client import chunked, request
from tests.unit.http.wire import DATE, FAST, KEEP_ALIVE_S, FakeEndpoint, Wire, prediction

BODY = b'{"instances": [[1.5]]}'
POST = request(FAST, BODY, content_type="application/json", x_request_id="one")


def test_a_fast_path_response_is_one_write_without_a_task() -> None:
    wire = Wire()
    wire.receive(POST)
    assert wire.endpoint.requests == [(BODY, b"application/json")]
    assert wire.arrived_count == 1
    assert wire.loop.tasks == 0
    assert wire.transport.written == [
        b"HTTP/1.1 200 OK\r\n"
        b"content-type: application/json\r\n"
        b"content-length: 1\r\n"
        b'server-timing: queue;dur=1.000, batch;desc="1", compute;dur=2.000\r\n'
        b"x-request-id: one\r\n"
        b"date: " + DATE + b"\r\n"
        b"\r\n"
        b"1"
    ]


def test_the_date_header_follows_that_of_uvicorn() -> None:
    wire = Wire()
    wire.receive(POST)
    wire.state.default_headers = [(b"date", b"later")]
    wire.receive(POST)
    wire.state.default_headers = []
    wire.receive(POST)
    assert [b"date: " in answer for answer in wire.transport.written] == [True, True, False]
    assert b"date: later\r\n" in wire.transport.written[1]


@pytest.mark.parametrize(
    "raw", [POST, chunked(FAST, BODY[:9], BODY[9:], x_request_id="one")], ids=["length", "chunked"]
)
def test_a_request_may_be_split_anywhere(raw: bytes) -> None:
    whole = Wire()
    whole.receive(raw)
    for split in range(1, len(raw)):
        wire = Wire()
        wire.receive(raw[:split], raw[split:])
        assert [body for body, _ in wire.endpoint.requests] == [BODY]
        assert wire.transport.written == whole.transport.written
    wire = Wire()
    wire.receive(*(raw[index : index + 1] for index in range(len(raw))))
    assert wire.transport.written == whole.transport.written


def test_memory_does_not_grow_with_the_number_of_chunks() -> None:
    wire = Wire()
    wire.receive(request(FAST, transfer_encoding="chunked").replace(b"content-length: 0\r\n", b""))
    piece = b"2\r\n  \r\n" * 100
    tracemalloc.start()
    for _ in range(656):
        wire.receive(piece)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 4 * 131_200
    wire.receive(b"0\r\n\r\n")
    [(body, _)] = wire.endpoint.requests
    assert body == b" " * 131_200


def test_an_idle_connection_keeps_nothing_of_its_last_request() -> None:
    wire = Wire()
    tracemalloc.start()
    wire.receive(request(FAST, b" " * 1_000_000))
    wire.endpoint.requests.clear()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000


@pytest.mark.parametrize(
    "raw",
    [
        request(FAST, method="GET"),
        request(FAST + "?probabilities=true", BODY),
        request(FAST + "/", BODY),
        request("/-/healthz", method="GET"),
        request(FAST, BODY, expect="100-continue"),
        request(FAST, BODY, content_encoding="gzip"),
        request(FAST, BODY, Upgrade="websocket"),
        request(FAST, b" " * (2**20 + 1)),
    ],
    ids=["GET", "query", "slash", "health", "expect", "encoding", "upgrade", "length"],
)
def test_any_other_request_takes_the_slow_path_with_its_headers(raw: bytes) -> None:
    wire = Wire()
    wire.receive(raw)
    assert wire.loop.tasks == 1
    assert wire.transport.written == wire.endpoint.requests == []
    assert (b"host", b"replica") in wire.connection.cycle.scope["headers"]


def test_a_request_behind_an_open_one_waits_for_its_response() -> None:
    wire = Wire(FakeEndpoint(immediate=False))
    wire.receive(POST + POST)
    assert (len(wire.endpoint.requests), wire.loop.tasks) == (1, 0)
    assert not wire.transport.reading
    wire.endpoint.replies[0](prediction(1))
    assert (wire.statuses, wire.loop.tasks) == ([b"200"], 1)
    assert wire.transport.reading


def test_the_request_of_a_client_that_does_not_read_takes_the_slow_path() -> None:
    wire = Wire()
    wire.receive(POST)
    wire.connection.pause_writing()
    assert not wire.transport.reading
    wire.receive(POST)
    assert (len(wire.endpoint.requests), wire.loop.tasks) == (1, 1)


def test_reading_resumes_when_the_client_reads_again() -> None:
    wire = Wire()
    wire.receive(POST)
    wire.connection.pause_writing()
    wire.connection.resume_writing()
    assert wire.transport.reading
    wire.receive(POST)
    assert len(wire.transport.written) == 2


def test_reading_stays_paused_while_a_request_waits() -> None:
    wire = Wire(FakeEndpoint(immediate=False))
    wire.receive(POST + POST)
    wire.connection.pause_writing()
    wire.connection.resume_writing()
    assert not wire.transport.reading


def test_an_error_of_the_endpoint_is_a_response_and_the_connection_stays_open() -> None:
    wire = Wire(FakeEndpoint(error=InvalidRequest("no")))
    wire.receive(POST, POST)
    assert wire.statuses == [b"400", b"400"]
    assert not wire.transport.closed


def test_a_chunked_body_over_the_limit_is_rejected_once_and_its_rest_dropped() -> None:
    wire = Wire(body_limit=10)
    raw = chunked(FAST, b" " * 6, b" " * 6, b" " * 6)
    wire.receive(raw)
    assert (wire.statuses, wire.endpoint.requests) == ([b"413"], [])
    wire.receive(request(FAST, b"{}"))
    assert wire.statuses == [b"413", b"200"]


def test_a_disconnect_cancels_the_open_request() -> None:
    wire = Wire(FakeEndpoint(immediate=False))
    wire.receive(POST)
    wire.connection.connection_lost(ConnectionResetError())
    assert [handle.cancelled for handle in wire.endpoint.handles] == [True]
    wire.endpoint.replies[0](prediction(1))
    assert wire.transport.written == []


def test_a_disconnect_after_the_response_cancels_nothing() -> None:
    wire = Wire()
    wire.receive(POST)
    wire.connection.connection_lost(None)
    assert [handle.cancelled for handle in wire.endpoint.handles] == [False]
    assert [timer for timer in wire.loop.timers if not timer.cancelled()] == []


@pytest.mark.parametrize("raw", [b"", POST[:20], POST[:-1]], ids=["nothing", "head", "body"])
def test_a_half_closed_connection_without_an_open_request_is_closed(raw: bytes) -> None:
    wire = Wire()
    wire.receive(raw)
    assert not wire.connection.eof_received()


def test_a_half_closed_connection_gets_its_response_and_is_closed() -> None:
    wire = Wire(FakeEndpoint(immediate=False))
    wire.receive(POST)
    assert wire.connection.eof_received()
    wire.endpoint.replies[0](prediction(1))
    assert b"connection: close\r\n" in wire.transport.written[0]
    assert wire.transport.closed


def test_unreadable_bytes_get_no_response_before_the_open_request_does() -> None:
    wire = Wire(FakeEndpoint(immediate=False))
    wire.receive(POST + b"\x00\r\n\r\n")
    assert wire.transport.written == []
    wire.receive(b"more")
    wire.endpoint.replies[0](prediction(1))
    assert (wire.statuses, wire.transport.closed) == ([b"200"], True)


def test_an_idle_connection_is_closed_after_one_to_two_times_the_keep_alive() -> None:
    wire = Wire()
    wire.loop.advance(KEEP_ALIVE_S - 1)
    wire.receive(POST)
    wire.loop.advance(KEEP_ALIVE_S)
    assert not wire.transport.closed
    wire.loop.advance(KEEP_ALIVE_S)
    assert wire.transport.closed


def test_a_connection_with_an_open_request_is_never_idle() -> None:
    wire = Wire(FakeEndpoint(immediate=False))
    wire.receive(POST)
    wire.loop.advance(10 * KEEP_ALIVE_S)
    assert not wire.transport.closed
    wire.endpoint.replies[0](PredictResponse(b"", 0, 1, 0))
    wire.loop.advance(2 * KEEP_ALIVE_S)
    assert wire.transport.closed


def test_a_connection_is_not_idle_after_a_slow_path_response() -> None:
    wire = Wire()
    wire.receive(request("/ready", method="GET"))
    wire.loop.advance(KEEP_ALIVE_S - 1)
    wire.connection.cycle.response_complete = True
    wire.connection.on_response_complete()
    wire.loop.advance(2)
    assert not wire.transport.closed
