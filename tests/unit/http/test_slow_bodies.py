"""Bodies that are sent too slowly."""

import pytest

from modelyard.http.slow_clients import CHECK_INTERVAL_S, MIN_BYTES_PER_S
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint
from tests.contract.client import chunked, request
from tests.unit.http.wire import FAST, KEEP_ALIVE_S, FakeEndpoint, Wire, prediction

ENOUGH = int(MIN_BYTES_PER_S * CHECK_INTERVAL_S)
SLOW_AFTER_S = 3 * CHECK_INTERVAL_S
"""The time of detection: a first check that finds the body, and two that find too few bytes."""
BODY = b" " * 10 * ENOUGH
STREAM = methods(INFERENCE)["ModelStreamInfer"]


def send_slowly(wire: Wire, raw: bytes, seconds: float) -> None:
    """Send one byte per second."""
    for index in range(int(seconds)):
        wire.receive(raw[index : index + 1])
        wire.loop.advance(1)


@pytest.mark.parametrize("raw", [request(FAST, BODY), chunked(FAST, BODY)], ids=["length", "chunked"])
def test_a_slow_body_on_the_fast_path_is_408_and_holds_no_bytes(raw: bytes) -> None:
    wire = Wire()
    head = raw.index(b"\r\n\r\n") + 30
    wire.receive(raw[:head])
    send_slowly(wire, raw[head:], SLOW_AFTER_S)
    assert wire.statuses == [b"408"]
    assert b"connection: close" in wire.transport.written[0]
    assert (wire.transport.closed, wire.endpoint.requests, wire.endpoint.rejected) == (True, [], ["BodyTooSlow"])
    assert wire.connection._body == b""


def test_a_body_that_never_begins_is_408() -> None:
    wire = Wire()
    wire.receive(request(FAST, BODY)[: -len(BODY)])
    wire.loop.advance(SLOW_AFTER_S)
    assert wire.statuses == [b"408"]


@pytest.mark.parametrize("path", ["/slow", "/v2/slow"])
def test_a_slow_body_on_the_slow_path_is_408_in_the_form_of_its_protocol(path: str) -> None:
    wire = Wire()
    raw = request(f"{path}?a=b", BODY, x_request_id="mine")
    wire.receive(raw[: -len(BODY)])
    send_slowly(wire, BODY, SLOW_AFTER_S)
    assert (wire.statuses, wire.transport.closed) == ([b"408"], True)
    response = wire.transport.written[0]
    assert b"x-request-id: mine\r\n" in response
    assert (b'{"error":' in response) == path.startswith("/v2")
    assert (b"application/problem+json" in response) != path.startswith("/v2")


def test_a_slow_body_closes_the_connection_if_the_response_has_begun() -> None:
    wire = Wire()
    wire.receive(request("/slow", BODY)[: -len(BODY)])
    wire.connection.cycle.response_started = True
    wire.loop.advance(SLOW_AFTER_S)
    assert (wire.statuses, wire.transport.closed) == ([], True)


@pytest.mark.parametrize("path", [FAST, "/slow"])
def test_a_body_at_the_minimum_rate_may_take_any_time(path: str) -> None:
    wire = Wire()
    wire.receive(request(path, BODY)[: -len(BODY)])
    for at in range(0, len(BODY), ENOUGH):
        wire.loop.advance(CHECK_INTERVAL_S)
        wire.receive(BODY[at : at + ENOUGH])
        if path == "/slow":
            wire.connection.flow.resume_reading()  # as uvicorn does when the application has read the body so far
    assert wire.statuses == ([b"200"] if path == FAST else [])
    assert not wire.transport.closed


def test_one_slow_check_is_tolerated() -> None:
    wire = Wire()
    wire.receive(request(FAST, BODY)[: -len(BODY)])
    for piece in (0, ENOUGH) * 4:
        wire.loop.advance(CHECK_INTERVAL_S)
        wire.receive(BODY[:piece])
    assert wire.statuses == []


def test_checks_at_the_beginning_of_different_bodies_are_not_slow() -> None:
    wire, raw = Wire(), request(FAST, b" " * 10)
    for _ in range(10):
        wire.receive(raw[:-1])
        wire.loop.advance(CHECK_INTERVAL_S)
        wire.receive(raw[-1:])
    assert wire.statuses == [b"200"] * 10


def test_a_client_that_waits_for_its_response_is_not_slow() -> None:
    wire = Wire(FakeEndpoint(immediate=False))
    wire.receive(request(FAST, b"{}"))
    wire.loop.advance(10 * SLOW_AFTER_S)
    wire.endpoint.replies[0](prediction(1))
    assert wire.statuses == [b"200"]


def test_a_client_is_not_slow_while_reading_is_paused() -> None:
    wire = Wire()
    wire.receive(request("/slow", BODY)[: -len(BODY)])
    wire.connection.flow.pause_reading()
    wire.loop.advance(SLOW_AFTER_S)
    assert (wire.statuses, wire.transport.closed) == ([], False)


def test_the_rest_of_a_rejected_body_counts_as_idle_time() -> None:
    wire = Wire(body_limit=10)
    wire.receive(chunked(FAST, b" " * 11)[:-5])
    wire.loop.advance(KEEP_ALIVE_S + 2 * CHECK_INTERVAL_S)
    assert (wire.statuses, wire.transport.closed) == ([b"413"], True)


@pytest.fixture
def stream() -> Wire:
    """A connection with an open stream, which gets no responses."""
    wire = Wire()
    endpoint = GrpcStreamEndpoint(STREAM, lambda _, question: question.finish(), limit_bytes=10**6)
    wire.connection.fast_path.streams = {STREAM.path: endpoint}
    path = STREAM.path.decode()
    wire.receive(request(path, transfer_encoding="chunked").replace(b"content-length: 0\r\n", b""))
    return wire


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def test_a_slow_message_ends_its_stream_with_a_status(stream: Wire) -> None:
    message = frame(b" " * 10_000)
    for index in range(int(SLOW_AFTER_S)):
        stream.receive(chunk(message[index : index + 1]))
        stream.loop.advance(1)
    assert b"grpc-status: 4\r\n" in stream.transport.written[-1]
    assert stream.transport.closed


def test_a_stream_may_be_idle_between_messages(stream: Wire) -> None:
    stream.loop.advance(10 * SLOW_AFTER_S)
    stream.receive(chunk(frame(b"")))
    stream.loop.advance(10 * SLOW_AFTER_S)
    assert not stream.transport.closed
