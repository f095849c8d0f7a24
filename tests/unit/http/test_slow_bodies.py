"""Bodies that come too slowly, event by event and look by look."""

import pytest

from modelyard.http.slow_clients import LOOK_S, SLOWEST
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint
from tests.contract.client import chunked, request
from tests.unit.http.wire import HOT, KEEP_ALIVE_S, FakePredictor, Wire, prediction

ENOUGH = int(SLOWEST * LOOK_S)
SLOW_AFTER_S = 3 * LOOK_S
"""By then it is found: a look that sees the body first, and two at which too little had come."""
BODY = b" " * 10 * ENOUGH
STREAM = methods(INFERENCE)["ModelStreamInfer"]


def trickled(wire: Wire, raw: bytes, seconds: float) -> None:
    """A byte each second."""
    for index in range(int(seconds)):
        wire.receive(raw[index : index + 1])
        wire.loop.advance(1)


@pytest.mark.parametrize("raw", [request(HOT, BODY), chunked(HOT, BODY)], ids=["length", "chunked"])
def test_a_hot_request_whose_body_trickles_is_408_and_holds_nothing(raw: bytes) -> None:
    wire = Wire()
    head = raw.index(b"\r\n\r\n") + 30
    wire.receive(raw[:head])
    trickled(wire, raw[head:], SLOW_AFTER_S)
    assert wire.statuses == [b"408"]
    assert b"connection: close" in wire.transport.written[0]
    assert (wire.transport.closed, wire.predictor.asked, wire.predictor.unreads) == (True, [], ["BodyTooSlow"])
    assert wire.connection._body == b""


def test_a_body_that_never_begins_is_408() -> None:
    wire = Wire()
    wire.receive(request(HOT, BODY)[: -len(BODY)])
    wire.loop.advance(SLOW_AFTER_S)
    assert wire.statuses == [b"408"]


@pytest.mark.parametrize("path", ["/cold", "/v2/cold"])
def test_uvicorns_request_whose_body_trickles_is_408_in_its_protocols_form(path: str) -> None:
    wire = Wire()
    raw = request(f"{path}?a=b", BODY, x_request_id="mine")
    wire.receive(raw[: -len(BODY)])
    trickled(wire, BODY, SLOW_AFTER_S)
    assert (wire.statuses, wire.transport.closed) == ([b"408"], True)
    told = wire.transport.written[0]
    assert b"x-request-id: mine\r\n" in told
    assert (b'{"error":' in told) == path.startswith("/v2")
    assert (b"application/problem+json" in told) != path.startswith("/v2")


def test_an_application_that_has_begun_to_answer_loses_its_connection() -> None:
    wire = Wire()
    wire.receive(request("/cold", BODY)[: -len(BODY)])
    wire.connection.cycle.response_started = True
    wire.loop.advance(SLOW_AFTER_S)
    assert (wire.statuses, wire.transport.closed) == ([], True)


@pytest.mark.parametrize("path", [HOT, "/cold"])
def test_a_body_that_comes_fast_enough_is_waited_for_as_long_as_it_takes(path: str) -> None:
    wire = Wire()
    wire.receive(request(path, BODY)[: -len(BODY)])
    for at in range(0, len(BODY), ENOUGH):
        wire.loop.advance(LOOK_S)
        wire.receive(BODY[at : at + ENOUGH])
        if path == "/cold":
            wire.connection.flow.resume_reading()  # as uvicorn does when the application has taken what came
    assert wire.statuses == ([b"200"] if path == HOT else [])
    assert not wire.transport.closed


def test_one_slow_look_is_forgiven() -> None:
    wire = Wire()
    wire.receive(request(HOT, BODY)[: -len(BODY)])
    for piece in (0, ENOUGH) * 4:
        wire.loop.advance(LOOK_S)
        wire.receive(BODY[:piece])
    assert wire.statuses == []


def test_looks_that_always_find_the_beginning_of_a_body_do_not_take_them_for_one() -> None:
    wire, raw = Wire(), request(HOT, b" " * 10)
    for _ in range(10):
        wire.receive(raw[:-1])
        wire.loop.advance(LOOK_S)
        wire.receive(raw[-1:])
    assert wire.statuses == [b"200"] * 10


def test_a_client_that_waits_for_its_answer_is_not_slow() -> None:
    wire = Wire(FakePredictor(at_once=False))
    wire.receive(request(HOT, b"{}"))
    wire.loop.advance(10 * SLOW_AFTER_S)
    wire.predictor.replies[0](prediction(1))
    assert wire.statuses == [b"200"]


def test_a_client_that_is_not_read_from_is_not_slow() -> None:
    wire = Wire()
    wire.receive(request("/cold", BODY)[: -len(BODY)])
    wire.connection.flow.pause_reading()
    wire.loop.advance(SLOW_AFTER_S)
    assert (wire.statuses, wire.transport.closed) == ([], False)


def test_the_rest_of_a_body_that_was_refused_is_for_the_idle_time() -> None:
    wire = Wire(body_limit=10)
    wire.receive(chunked(HOT, b" " * 11)[:-5])
    wire.loop.advance(KEEP_ALIVE_S + 2 * LOOK_S)
    assert (wire.statuses, wire.transport.closed) == ([b"413"], True)


@pytest.fixture
def stream() -> Wire:
    """A wire with a stream that was opened on it; each message is a question that is answered by nothing."""
    wire = Wire()
    endpoint = GrpcStreamEndpoint(STREAM, lambda _, question: question.finish(), limit_bytes=10**6)
    wire.connection.lane.streams = {STREAM.path: endpoint}
    path = STREAM.path.decode()
    wire.receive(request(path, transfer_encoding="chunked").replace(b"content-length: 0\r\n", b""))
    return wire


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def test_a_streams_message_that_trickles_ends_the_stream_with_a_status(stream: Wire) -> None:
    message = frame(b" " * 10_000)
    for index in range(int(SLOW_AFTER_S)):
        stream.receive(chunk(message[index : index + 1]))
        stream.loop.advance(1)
    assert b"grpc-status: 4\r\n" in stream.transport.written[-1]
    assert stream.transport.closed


def test_a_stream_may_be_quiet_between_its_messages(stream: Wire) -> None:
    stream.loop.advance(10 * SLOW_AFTER_S)
    stream.receive(chunk(frame(b"")))
    stream.loop.advance(10 * SLOW_AFTER_S)
    assert not stream.transport.closed
