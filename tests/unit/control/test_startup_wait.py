"""The start waits for what is slow, and not for what has died."""

import pytest

from modelyard.control.startup_wait import MAX_WAIT_S, retried


class Slow:
    """Is up after so many seconds."""

    def __init__(self, after_s: float, dies_s: float = 1e9) -> None:
        self.clock = 0.0
        self.reported: list[float] = []
        self.call = retried(
            lambda: self.get(after_s),
            is_alive=lambda: self.clock < dies_s,
            slow=self.reported.append,
            now=lambda: self.clock,
            sleep=self.sleep,
        )

    def get(self, after_s: float) -> str:
        if self.clock < after_s:
            raise RuntimeError("not yet")
        return "there"

    def sleep(self, seconds: float) -> None:
        self.clock += seconds


def test_what_is_there_is_there():
    slow = Slow(0)
    assert (slow.call(), slow.clock, slow.reported) == ("there", 0.0, [])


def test_a_slow_start_is_waited_for_and_reported():
    slow = Slow(40)
    assert (slow.call(), slow.reported) == ("there", [15.0, 30.0])


def test_what_has_died_is_not_waited_for():
    slow = Slow(40, dies_s=3)
    with pytest.raises(RuntimeError):
        slow.call()
    assert slow.clock == 3.0


def test_every_wait_has_a_time_limit():
    slow = Slow(1e8)
    with pytest.raises(RuntimeError):
        slow.call()
    assert MAX_WAIT_S < slow.clock < MAX_WAIT_S + 2


def test_the_wait_begins_with_the_call():
    slow = Slow(1040)
    slow.clock = 1000.0
    assert (slow.call(), slow.reported, slow.clock) == ("there", [15.0, 30.0], 1040.0)
    assert MAX_WAIT_S == 600.0
