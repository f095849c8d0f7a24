"""The sink of a streamed request on a connection."""

from typing import Any

import pytest

from modelyard.http.stream import ConnectionStream


class FakeConnection:
    """A connection that records what a stream does to it. It is its own transport and flow control."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.write_paused = False
        self.transport = self.flow = self

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")

    def end_stream(self, data: bytes) -> None:
        self.calls.append(("end", data))


@pytest.fixture
def connection() -> Any:
    return FakeConnection()


def test_a_response_is_written_in_order_and_ended(connection: Any) -> None:
    stream = ConnectionStream(connection, "r-1")
    stream.write(b"a")
    stream.write(b"b")
    stream.end(b"c")
    assert connection.calls == [b"a", b"b", ("end", b"c")]


@pytest.mark.parametrize("paused", [True, False])
def test_a_stream_is_full_while_writing_is_paused(connection: Any, paused: bool) -> None:
    connection.write_paused = paused
    assert ConnectionStream(connection, "r-1").full is paused


def test_reading_is_paused_and_resumed_only_if_that_is_a_change(connection: Any) -> None:
    stream = ConnectionStream(connection, "r-1")
    stream.set_reading(True)
    assert connection.calls == []
    stream.set_reading(False)
    stream.set_reading(False)
    assert connection.calls == ["pause"]
    stream.set_reading(True)
    stream.set_reading(True)
    assert connection.calls == ["pause", "resume"]
