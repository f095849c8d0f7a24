"""What a connection of the lane counts as held, event by event."""

import pytest

from modelyard.errors import InvalidRequest
from modelyard.http.body_budget import BUDGET, SMALL_BYTES
from modelyard.http.slow_clients import LOOK_S
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint
from tests.contract.client import chunked, request
from tests.unit.http.wire import HOT, FakePredictor, Wire, prediction

BODY = bytes(2 * SMALL_BYTES)
POST = request(HOT, BODY)
LIMIT = 4 * SMALL_BYTES
STREAM = methods(INFERENCE)["ModelStreamInfer"]


def made(*, at_once: bool = False, error: Exception | None = None) -> Wire:
    return Wire(FakePredictor(at_once=at_once, error=error), body_limit=LIMIT)


def held(wire: Wire) -> int:
    return wire.connection.lane.bodies.held


def fill(wire: Wire) -> None:
    wire.connection.lane.bodies.held = BUDGET * LIMIT


def test_a_body_counts_from_its_first_pieces_until_its_answer() -> None:
    wire = made()
    wire.receive(POST[: -SMALL_BYTES + 1])
    assert held(wire) == SMALL_BYTES + 1
    wire.receive(POST[-SMALL_BYTES + 1 :])
    assert held(wire) == len(BODY)
    wire.predictor.replies[0](prediction(1))
    assert held(wire) == 0


def test_a_small_body_does_not_count() -> None:
    wire = made()
    wire.receive(request(HOT, bytes(SMALL_BYTES)))
    assert held(wire) == 0


@pytest.mark.parametrize("raw", [POST[:-1], POST], ids=["while it sends", "while it waits"])
def test_a_client_that_leaves_holds_nothing(raw: bytes) -> None:
    wire = made()
    wire.receive(raw)
    assert held(wire) > SMALL_BYTES
    wire.connection.connection_lost(ConnectionResetError())
    assert held(wire) == 0
    assert wire.connection._body == b"", "though the collector has not found the connection yet"


def test_what_the_endpoint_refuses_is_not_held() -> None:
    wire = made(error=InvalidRequest("no"))
    wire.receive(POST)
    assert (wire.statuses, held(wire)) == ([b"400"], 0)


def test_a_body_that_trickles_is_not_held_after_its_408() -> None:
    wire = made()
    wire.receive(POST[:-1])
    wire.loop.advance(3 * LOOK_S)
    assert (wire.statuses, held(wire)) == ([b"408"], 0)


def test_a_chunked_body_over_the_limit_is_not_held() -> None:
    wire = made()
    wire.receive(chunked(HOT, BODY, BODY, b"x"))
    assert (wire.statuses, held(wire)) == ([b"413"], 0)


def test_a_body_for_which_there_is_no_room_is_429_and_the_rest_is_dropped() -> None:
    wire = made(at_once=True)
    fill(wire)
    wire.receive(chunked(HOT, BODY), request(HOT, b"{}"))
    assert wire.statuses == [b"429", b"200"]
    assert b"retry-after: 1\r\n" in wire.transport.written[0]
    assert wire.predictor.unreads == ["Overloaded"]
    assert held(wire) == BUDGET * LIMIT


@pytest.mark.parametrize("full", [False, True])
def test_one_that_is_announced_goes_to_the_application_which_refuses_it_at_once(*, full: bool) -> None:
    wire = made()
    if full:
        fill(wire)
    wire.receive(POST)
    assert wire.loop.tasks == full
    assert len(wire.predictor.asked) == (not full)


def stream() -> Wire:
    wire = made()
    endpoint = GrpcStreamEndpoint(STREAM, lambda _, question: question.finish(), limit_bytes=LIMIT)
    wire.connection.lane.streams = {STREAM.path: endpoint}
    wire.receive(request(STREAM.path.decode(), transfer_encoding="chunked").replace(b"content-length: 0\r\n", b""))
    return wire


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


MESSAGE = frame(b'"' + b"\x82\x80\x08" + bytes(2 * SMALL_BYTES + 2))
"""Raw contents, as protobuf has them."""


def test_a_streams_message_counts_while_it_comes() -> None:
    wire = stream()
    wire.receive(chunk(MESSAGE[:-1]))
    assert held(wire) == len(MESSAGE) - 1
    wire.receive(chunk(MESSAGE[-1:]))
    assert held(wire) == 0


def test_a_stream_that_ends_in_a_message_holds_nothing() -> None:
    wire = stream()
    wire.receive(chunk(MESSAGE[:-1]))
    wire.connection.connection_lost(None)
    assert held(wire) == 0


def test_a_streams_message_for_which_there_is_no_room_ends_the_stream() -> None:
    wire = stream()
    fill(wire)
    wire.receive(chunk(MESSAGE[: SMALL_BYTES + 1]))
    assert b"grpc-status: 8\r\n" in wire.transport.written[-1]
    assert wire.transport.closed
    assert held(wire) == BUDGET * LIMIT
