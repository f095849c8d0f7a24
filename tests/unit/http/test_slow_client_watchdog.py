"""When the watchdog of a connection closes it. The limits are written out: they are promises to clients."""

from typing import Any

from modelyard.errors import BodyTooSlow
from modelyard.http.slow_clients import SlowClientWatchdog
from tests.fakes import FakeClock, FakeLoop

BODY = object()


class FakeConnection:
    """What a test says about a connection, and what the watchdog did to it."""

    def __init__(self, keep_alive_s: float = 1000.0) -> None:
        self.active = False
        self.progress: tuple[object, int] = (None, 0)
        self.unwritten = 0
        self.closed = ""
        self.loop = FakeLoop(FakeClock())
        loop: Any = self.loop
        self.watchdog = SlowClientWatchdog(self, loop, keep_alive_s)

    def take_activity(self) -> bool:
        active, self.active = self.active, False
        return active

    def body_progress(self) -> tuple[object, int]:
        return self.progress

    def on_slow_body(self, error: BodyTooSlow) -> None:
        self.closed = error.message

    def unwritten_bytes(self) -> int:
        return self.unwritten

    def on_stalled(self) -> None:
        self.closed = "stalled"

    def timeout_keep_alive_handler(self) -> None:
        self.closed = "idle"


def receive_at(rate: float) -> FakeConnection:
    """A connection that receives a body at this rate, in bytes per second, until the third check."""
    connection = FakeConnection()
    for checks in range(3):
        assert connection.closed == ""
        connection.progress = (BODY, int(rate * 10 * checks))
        connection.loop.advance(10)
    return connection


def test_a_body_of_less_than_4096_bytes_per_second_is_too_slow_at_the_third_check() -> None:
    assert receive_at(4095.9).closed == "the request was sent at less than 4096 bytes per second"
    assert receive_at(4096).closed == ""


def test_a_client_that_reads_nothing_is_disconnected_after_a_minute() -> None:
    for unwritten in (1, 10**6):
        connection = FakeConnection()
        connection.unwritten = unwritten
        connection.loop.advance(69)
        assert connection.closed == ""
        connection.loop.advance(1)
        assert connection.closed == "stalled"


def test_more_unwritten_bytes_are_a_stall_too_and_fewer_are_not() -> None:
    for change, closed in ((5, "stalled"), (-5, "")):
        connection = FakeConnection()
        for check in range(7):
            connection.unwritten = 100 + change * check
            connection.loop.advance(10)
        assert connection.closed == closed


def test_a_connection_may_be_idle_for_the_keep_alive_time() -> None:
    for keep_alive_s, closed_at_s in ((20, 20), (21, 30), (5, 5)):
        connection = FakeConnection(keep_alive_s)
        connection.loop.advance(closed_at_s - 1)
        assert connection.closed == ""
        connection.loop.advance(1)
        assert connection.closed == "idle"


def test_the_idle_time_begins_again_after_each_request() -> None:
    connection = FakeConnection(21)
    connection.loop.advance(15)
    connection.active = True
    connection.loop.advance(34)
    assert connection.closed == ""
    connection.loop.advance(1)
    assert connection.closed == "idle"


def test_nothing_is_checked_after_the_end() -> None:
    connection = FakeConnection(10)
    connection.watchdog.end()
    connection.loop.advance(1000)
    assert connection.closed == ""
