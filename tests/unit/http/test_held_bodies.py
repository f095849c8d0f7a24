"""The bytes that a connection counts in the body budget."""

import pytest

from modelyard.errors import InvalidRequest
from modelyard.http.body_budget import MAX_LARGEST_BODIES, SMALL_BYTES
from modelyard.http.slow_clients import CHECK_INTERVAL_S
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.grpc.stream_call import GrpcStreamEndpoint
from tests.contract.client import chunked, request
from tests.unit.http.wire import FAST, FakeEndpoint, Wire, prediction

BODY = bytes(2 * SMALL_BYTES)
POST = request(FAST, BODY)
LIMIT = 4 * SMALL_BYTES
STREAM = methods(INFERENCE)["ModelStreamInfer"]


def made(*, immediate: bool = False, error: Exception | None = None) -> Wire:
    return Wire(FakeEndpoint(immediate=immediate, error=error), body_limit=LIMIT)


def held(wire: Wire) -> int:
    return wire.connection.fast_path.body_budget.held_bytes


def fill(wire: Wire) -> None:
    wire.connection.fast_path.body_budget.held_bytes = MAX_LARGEST_BODIES * LIMIT


def test_a_body_on_the_fast_path_counts_from_its_first_bytes_until_its_response() -> None:
    wire = made()
    wire.receive(POST[: -SMALL_BYTES + 1])
    assert held(wire) == SMALL_BYTES + 1
    wire.receive(POST[-SMALL_BYTES + 1 :])
    assert held(wire) == len(BODY)
    wire.endpoint.replies[0](prediction(1))
    assert held(wire) == 0


def test_a_small_body_is_not_counted() -> None:
    wire = made()
    wire.receive(request(FAST, bytes(SMALL_BYTES)))
    assert held(wire) == 0


@pytest.mark.parametrize("raw", [POST[:-1], POST], ids=["while it sends", "while it waits"])
def test_a_client_that_disconnected_holds_no_bytes(raw: bytes) -> None:
    wire = made()
    wire.receive(raw)
    assert held(wire) > SMALL_BYTES
    wire.connection.connection_lost(ConnectionResetError())
    assert held(wire) == 0
    assert wire.connection._body == b"", "though the collector has not found the connection yet"


def test_a_body_that_the_endpoint_rejects_is_not_held() -> None:
    wire = made(error=InvalidRequest("no"))
    wire.receive(POST)
    assert (wire.statuses, held(wire)) == ([b"400"], 0)


def test_a_slow_body_is_not_held_after_its_408() -> None:
    wire = made()
    wire.receive(POST[:-1])
    wire.loop.advance(3 * CHECK_INTERVAL_S)
    assert (wire.statuses, held(wire)) == ([b"408"], 0)


def test_a_chunked_body_over_the_limit_is_not_held() -> None:
    wire = made()
    wire.receive(chunked(FAST, BODY, BODY, b"x"))
    assert (wire.statuses, held(wire)) == ([b"413"], 0)


def test_a_body_without_room_is_429_and_its_rest_is_dropped() -> None:
    wire = made(immediate=True)
    fill(wire)
    wire.receive(chunked(FAST, BODY), request(FAST, b"{}"))
    assert wire.statuses == [b"429", b"200"]
    assert b"retry-after: 1\r\n" in wire.transport.written[0]
    assert wire.endpoint.rejected == ["Overloaded"]
    assert held(wire) == MAX_LARGEST_BODIES * LIMIT


@pytest.mark.parametrize("full", [False, True])
def test_an_announced_body_without_room_takes_the_slow_path(*, full: bool) -> None:
    wire = made()
    if full:
        fill(wire)
    wire.receive(POST)
    assert wire.loop.tasks == full
    assert len(wire.endpoint.requests) == (not full)


def stream() -> Wire:
    wire = made()
    endpoint = GrpcStreamEndpoint(STREAM, lambda _, question: question.finish(), limit_bytes=LIMIT)
    wire.connection.fast_path.streams = {STREAM.path: endpoint}
    wire.receive(request(STREAM.path.decode(), transfer_encoding="chunked").replace(b"content-length: 0\r\n", b""))
    return wire


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


MESSAGE = frame(b'"' + b"\x82\x80\x08" + bytes(2 * SMALL_BYTES + 2))
"""Raw contents in protobuf."""


def test_a_message_of_a_stream_counts_while_it_is_received() -> None:
    wire = stream()
    wire.receive(chunk(MESSAGE[:-1]))
    assert held(wire) == len(MESSAGE) - 1
    wire.receive(chunk(MESSAGE[-1:]))
    assert held(wire) == 0


def test_a_stream_that_ends_within_a_message_holds_no_bytes() -> None:
    wire = stream()
    wire.receive(chunk(MESSAGE[:-1]))
    wire.connection.connection_lost(None)
    assert held(wire) == 0


def test_a_message_without_room_ends_its_stream() -> None:
    wire = stream()
    fill(wire)
    wire.receive(chunk(MESSAGE[: SMALL_BYTES + 1]))
    assert b"grpc-status: 8\r\n" in wire.transport.written[-1]
    assert wire.transport.closed
    assert held(wire) == MAX_LARGEST_BODIES * LIMIT


def test_another_limit_holds_for_the_next_body() -> None:
    wire = made()
    bodies = wire.connection.fast_path.body_budget
    assert bodies.rejection(LIMIT, "") is None
    bodies.set_limit(LIMIT - 1)
    assert bodies.rejection(LIMIT, "") is not None
    assert bodies.has_room(MAX_LARGEST_BODIES * (LIMIT - 1))
    assert not bodies.has_room(MAX_LARGEST_BODIES * LIMIT)
    bodies.set_limit(1000)
    assert bodies.unchecked_bytes == 1000
