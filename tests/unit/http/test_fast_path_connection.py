"""The lane's connection, byte by byte and event by event. tests/contract has the same over sockets, both ways in."""

import tracemalloc

import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.endpoint import PredictResponse
from tests.contract.client import chunked, request
from tests.unit.http.wire import DATE, HOT, KEEP_ALIVE_S, FakePredictor, Wire, prediction

BODY = b'{"instances": [[1.5]]}'
POST = request(HOT, BODY, content_type="application/json", x_request_id="one")


def test_a_hot_request_is_answered_in_one_write_without_a_task() -> None:
    wire = Wire()
    wire.receive(POST)
    assert wire.predictor.asked == [(BODY, b"application/json")]
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


def test_the_date_follows_uvicorns() -> None:
    wire = Wire()
    wire.receive(POST)
    wire.state.default_headers = [(b"date", b"later")]
    wire.receive(POST)
    wire.state.default_headers = []
    wire.receive(POST)
    assert [b"date: " in answer for answer in wire.transport.written] == [True, True, False]
    assert b"date: later\r\n" in wire.transport.written[1]


@pytest.mark.parametrize("raw", [POST, chunked(HOT, BODY[:9], BODY[9:], x_request_id="one")], ids=["length", "chunked"])
def test_where_a_request_is_split_makes_no_difference(raw: bytes) -> None:
    whole = Wire()
    whole.receive(raw)
    for split in range(1, len(raw)):
        wire = Wire()
        wire.receive(raw[:split], raw[split:])
        assert [body for body, _ in wire.predictor.asked] == [BODY]
        assert wire.transport.written == whole.transport.written
    wire = Wire()
    wire.receive(*(raw[index : index + 1] for index in range(len(raw))))
    assert wire.transport.written == whole.transport.written


def test_memory_does_not_grow_with_the_number_of_chunks() -> None:
    wire = Wire()
    wire.receive(request(HOT, transfer_encoding="chunked").replace(b"content-length: 0\r\n", b""))
    piece = b"2\r\n  \r\n" * 100
    tracemalloc.start()
    for _ in range(656):
        wire.receive(piece)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 4 * 131_200
    wire.receive(b"0\r\n\r\n")
    [(body, _)] = wire.predictor.asked
    assert body == b" " * 131_200


def test_a_connection_that_rests_holds_nothing_of_its_last_request() -> None:
    wire = Wire()
    tracemalloc.start()
    wire.receive(request(HOT, b" " * 1_000_000))
    wire.predictor.asked.clear()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000


@pytest.mark.parametrize(
    "raw",
    [
        request(HOT, method="GET"),
        request(HOT + "?probabilities=true", BODY),
        request(HOT + "/", BODY),
        request("/-/healthz", method="GET"),
        request(HOT, BODY, expect="100-continue"),
        request(HOT, BODY, content_encoding="gzip"),
        request(HOT, BODY, Upgrade="websocket"),
        request(HOT, b" " * (2**20 + 1)),
    ],
    ids=["GET", "query", "slash", "health", "expect", "encoding", "upgrade", "length"],
)
def test_anything_else_goes_uvicorns_way_with_its_headers(raw: bytes) -> None:
    wire = Wire()
    wire.receive(raw)
    assert wire.loop.tasks == 1
    assert wire.transport.written == wire.predictor.asked == []
    assert (b"host", b"replica") in wire.connection.cycle.scope["headers"]


def test_a_request_behind_an_unanswered_one_waits_its_turn() -> None:
    wire = Wire(FakePredictor(at_once=False))
    wire.receive(POST + POST)
    assert (len(wire.predictor.asked), wire.loop.tasks) == (1, 0)
    assert not wire.transport.reading
    wire.predictor.replies[0](prediction(1))
    assert (wire.statuses, wire.loop.tasks) == ([b"200"], 1)
    assert wire.transport.reading


def test_a_client_that_does_not_read_goes_uvicorns_way_which_waits_until_it_does() -> None:
    wire = Wire()
    wire.receive(POST)
    wire.connection.pause_writing()
    assert not wire.transport.reading
    wire.receive(POST)
    assert (len(wire.predictor.asked), wire.loop.tasks) == (1, 1)


def test_a_client_that_reads_again_is_read_from_again() -> None:
    wire = Wire()
    wire.receive(POST)
    wire.connection.pause_writing()
    wire.connection.resume_writing()
    assert wire.transport.reading
    wire.receive(POST)
    assert len(wire.transport.written) == 2


def test_reading_does_not_go_on_while_a_request_waits_its_turn() -> None:
    wire = Wire(FakePredictor(at_once=False))
    wire.receive(POST + POST)
    wire.connection.pause_writing()
    wire.connection.resume_writing()
    assert not wire.transport.reading


def test_what_the_predictor_refuses_is_answered_and_the_connection_lives_on() -> None:
    wire = Wire(FakePredictor(error=InvalidRequest("no")))
    wire.receive(POST, POST)
    assert wire.statuses == [b"400", b"400"]
    assert not wire.transport.closed


def test_chunks_over_the_limit_are_refused_once_and_the_rest_is_dropped() -> None:
    wire = Wire(body_limit=10)
    raw = chunked(HOT, b" " * 6, b" " * 6, b" " * 6)
    wire.receive(raw)
    assert (wire.statuses, wire.predictor.asked) == ([b"413"], [])
    wire.receive(request(HOT, b"{}"))
    assert wire.statuses == [b"413", b"200"]


def test_a_client_that_leaves_takes_its_request_with_it() -> None:
    wire = Wire(FakePredictor(at_once=False))
    wire.receive(POST)
    wire.connection.connection_lost(ConnectionResetError())
    assert [ticket.cancelled for ticket in wire.predictor.tickets] == [True]
    wire.predictor.replies[0](prediction(1))
    assert wire.transport.written == []


def test_a_client_that_leaves_after_its_answer_cancels_nothing() -> None:
    wire = Wire()
    wire.receive(POST)
    wire.connection.connection_lost(None)
    assert [ticket.cancelled for ticket in wire.predictor.tickets] == [False]
    assert [timer for timer in wire.loop.timers if not timer.cancelled()] == []


@pytest.mark.parametrize("raw", [b"", POST[:20], POST[:-1]], ids=["nothing", "head", "body"])
def test_a_client_that_stops_sending_with_nothing_to_wait_for_is_let_go(raw: bytes) -> None:
    wire = Wire()
    wire.receive(raw)
    assert not wire.connection.eof_received()


def test_a_client_that_stops_sending_is_answered_and_let_go() -> None:
    wire = Wire(FakePredictor(at_once=False))
    wire.receive(POST)
    assert wire.connection.eof_received()
    wire.predictor.replies[0](prediction(1))
    assert b"connection: close\r\n" in wire.transport.written[0]
    assert wire.transport.closed


def test_what_cannot_be_parsed_is_not_answered_in_anothers_turn() -> None:
    wire = Wire(FakePredictor(at_once=False))
    wire.receive(POST + b"\x00\r\n\r\n")
    assert wire.transport.written == []
    wire.receive(b"more")
    wire.predictor.replies[0](prediction(1))
    assert (wire.statuses, wire.transport.closed) == ([b"200"], True)


def test_a_connection_is_closed_after_one_to_two_times_the_keep_alive_of_silence() -> None:
    wire = Wire()
    wire.loop.advance(KEEP_ALIVE_S - 1)
    wire.receive(POST)
    wire.loop.advance(KEEP_ALIVE_S)
    assert not wire.transport.closed
    wire.loop.advance(KEEP_ALIVE_S)
    assert wire.transport.closed


def test_a_connection_with_a_request_under_way_is_never_idle() -> None:
    wire = Wire(FakePredictor(at_once=False))
    wire.receive(POST)
    wire.loop.advance(10 * KEEP_ALIVE_S)
    assert not wire.transport.closed
    wire.predictor.replies[0](PredictResponse(b"", 0, 1, 0))
    wire.loop.advance(2 * KEEP_ALIVE_S)
    assert wire.transport.closed


def test_a_connection_that_uvicorn_has_just_answered_on_is_not_idle() -> None:
    wire = Wire()
    wire.receive(request("/ready", method="GET"))
    wire.loop.advance(KEEP_ALIVE_S - 1)
    wire.connection.cycle.response_complete = True
    wire.connection.on_response_complete()
    wire.loop.advance(2)
    assert not wire.transport.closed
