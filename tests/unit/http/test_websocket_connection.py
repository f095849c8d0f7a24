"""WebSocket connections: messages in fragments, and messages that are sent too slowly."""

import struct
import tracemalloc
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from modelyard.http.body_budget import MAX_LARGEST_BODIES, SMALL_BYTES, BodyBudget, HeldBytes
from modelyard.http.slow_clients import CHECK_INTERVAL_S
from modelyard.http.websocket_connection import WebSocketConnection, websocket_connections
from tests.fakes import FakeClock
from tests.unit.http.wire import FakeTransport, TaskLoop

CONTINUED, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
LAST = 0x80
HANDSHAKE = (
    b"GET /models/m/ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)
SLOW_AFTER_S = 3 * CHECK_INTERVAL_S


def frame(kind: int, data: bytes = b"", *, last: bool = True) -> bytes:
    """A frame of a client, of at most 125 bytes, with a mask of zeros."""
    return struct.pack(">BBI", kind | LAST * last, LAST | len(data), 0) + data


async def no_app(scope: object, receive: object, send: object) -> None:
    """Never runs."""


class Wire:
    """An open WebSocket."""

    def __init__(self) -> None:
        config = uvicorn.Config(no_app, interface="asgi3", lifespan="off", log_config=None, timeout_keep_alive=60)
        config.load()
        self.loop = TaskLoop(FakeClock())
        self.transport = FakeTransport()
        self.socket = WebSocketConnection(config, ServerState(), {}, self.loop)
        self.bodies = BodyBudget(2**18)
        self.socket.held = HeldBytes(self.bodies)
        self.socket.connection_made(self.transport)
        self.socket.data_received(HANDSHAKE)
        assert self.socket.queue.get_nowait() == {"type": "websocket.connect"}
        self.socket.conn.send_response(self.socket.response)
        self.socket.conn.data_to_send()
        self.socket.handshake_complete = True

    def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.data_received(piece)

    @property
    def messages(self) -> list[Any]:
        """The messages received since the last call."""
        queue = self.socket.queue
        events = [queue.get_nowait() for _ in range(queue.qsize())]
        return [event.get("text", event.get("bytes")) for event in events if event["type"] == "websocket.receive"]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.mark.parametrize(("kind", "message"), [(TEXT, "caf\u00e9 \u20ac"), (BINARY, b"\0\xff\x80 bytes")])
def test_a_message_in_one_byte_fragments_is_complete_with_pings_in_between(
    wire: Wire, kind: int, message: str | bytes
) -> None:
    data = message.encode() if isinstance(message, str) else message
    for repeated in range(2):
        wire.receive(frame(kind, data[:1], last=False))
        for index in range(1, len(data)):
            wire.receive(frame(PING, b"still there?"), frame(CONTINUED, data[index : index + 1], last=False))
        assert wire.messages == []
        wire.receive(frame(CONTINUED))
        assert wire.messages == [message], repeated


def test_frames_may_be_split_anywhere() -> None:
    whole = frame(TEXT, b"one") + frame(TEXT, b"tw", last=False) + frame(PING) + frame(CONTINUED, b"o") + frame(BINARY)
    for at in range(1, len(whole)):
        wire = Wire()
        wire.receive(whole[:at], whole[at:])
        assert wire.messages == ["one", "two", b""]
    wire = Wire()
    wire.receive(*(whole[at : at + 1] for at in range(len(whole))))
    assert wire.messages == ["one", "two", b""]


@pytest.mark.parametrize("fragment", [b"x", b""], ids=["a byte", "nothing"])
def test_memory_does_not_grow_with_the_number_of_fragments(wire: Wire, fragment: bytes) -> None:
    wire.receive(frame(BINARY, last=False))
    hundred = frame(CONTINUED, fragment, last=False) * 100
    tracemalloc.start()
    for _ in range(20):
        wire.receive(hundred)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 4 * 2_000
    wire.receive(frame(CONTINUED))
    assert wire.messages == [fragment * 2_000]


@pytest.mark.parametrize(
    "bad",
    [
        frame(CONTINUED, b"of nothing"),
        frame(TEXT, last=False) + frame(TEXT, b"another"),
        frame(3),
        frame(0x40 | TEXT),
        frame(PING, last=False),
        b"\x81\x02{}",
        frame(TEXT, b"\xff"),
        frame(TEXT, b"\xe2", last=False) + frame(CONTINUED, b"\x28"),
        frame(CLOSE, b"\x00"),
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        struct.pack(">BBQI", LAST | BINARY, 0xFF, 2**40, 0),
    ],
    ids=["continued", "unfinished", "opcode", "rsv", "ping", "unmasked", "utf8", "late utf8", "code", "sign", "long"],
)
def test_a_protocol_violation_closes_the_websocket(wire: Wire, bad: bytes) -> None:
    wire.receive(frame(TEXT, b"good"))
    wire.receive(bad)
    assert wire.messages == ["good"]
    assert wire.transport.closed
    assert wire.transport.written[-1][0] == LAST | CLOSE


@pytest.mark.parametrize("begun", [frame(TEXT, b"{", last=False), frame(TEXT, b"{}")[:-1]], ids=["message", "frame"])
def test_a_slow_message_closes_the_websocket(wire: Wire, begun: bytes) -> None:
    wire.receive(begun)
    for _ in range(3):
        wire.loop.advance(CHECK_INTERVAL_S)
        if not wire.transport.closed:
            wire.receive(frame(CONTINUED, b" ", last=False) if begun[0] < LAST else b"")
    assert wire.transport.closed
    assert wire.transport.written[-1][:1] == bytes((LAST | CLOSE,))
    assert struct.unpack_from(">H", wire.transport.written[-1], 2) == (1008,)


def test_a_websocket_may_be_idle_between_messages(wire: Wire) -> None:
    wire.receive(frame(TEXT, b"one"))
    wire.loop.advance(2 * SLOW_AFTER_S)
    assert not wire.transport.closed


FRAGMENT = struct.pack(">BBQI", BINARY, LAST | 127, SMALL_BYTES, 0) + bytes(SMALL_BYTES)
"""A fragment that is not the last of its message."""


def test_a_message_counts_from_its_first_fragment_to_its_last(wire: Wire) -> None:
    wire.receive(FRAGMENT, frame(CONTINUED, b"x", last=False))
    assert wire.bodies.held_bytes == SMALL_BYTES + 1
    wire.receive(frame(CONTINUED))
    assert wire.bodies.held_bytes == 0
    assert wire.messages == [bytes(SMALL_BYTES) + b"x"]


def test_a_frame_counts_while_it_is_received(wire: Wire) -> None:
    wire.receive(struct.pack(">BBQI", BINARY | LAST, LAST | 127, 2 * SMALL_BYTES, 0) + bytes(2 * SMALL_BYTES - 1))
    assert wire.bodies.held_bytes > SMALL_BYTES
    wire.receive(b"\0")
    assert wire.bodies.held_bytes == 0


def test_a_closed_websocket_holds_no_bytes(wire: Wire) -> None:
    wire.receive(FRAGMENT, frame(CONTINUED, b"x", last=False))
    wire.socket.connection_lost(None)
    assert wire.bodies.held_bytes == 0


def test_a_message_without_room_closes_the_websocket(wire: Wire) -> None:
    wire.bodies.held_bytes = MAX_LARGEST_BODIES * wire.bodies.limit
    wire.receive(frame(TEXT, b"small"), FRAGMENT)
    assert wire.messages == ["small"]
    wire.receive(frame(CONTINUED, b"x", last=False))
    assert wire.transport.closed
    assert struct.unpack_from(">H", wire.transport.written[-1], 2) == (1013,)


def test_without_websocket_support_there_is_no_factory() -> None:
    assert websocket_connections(None, no_app, BodyBudget(1)) is None


def test_another_websocket_protocol_only_gets_the_application() -> None:
    class Other:
        app: Any = None

    made = websocket_connections(Other, no_app, BodyBudget(1))  # type: ignore[arg-type]
    assert made is not None
    other: Any = made()
    assert (type(other), other.app) == (Other, no_app)
