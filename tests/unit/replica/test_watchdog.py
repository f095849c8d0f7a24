"""A call that holds the event loop for ever ends the process; nothing else does."""

import subprocess
import sys

import pytest

from modelyard.replica.watchdog import CHECK_INTERVAL_S, STUCK, Watchdog, WatchedScheduler
from modelyard.tensors import Tensors
from tests.fakes import FakeClock, FakeModel
from tests.unit.inference.rig import CHEAP, DEAR, Make, Rig

LIMIT_S = 10.0


class Watch:
    """A watchdog whose looks a test makes, second by second."""

    def __init__(self, *rigs: Rig, clock: FakeClock) -> None:
        self.ends: list[int] = []
        self.timers: list[float] = []
        self._clock = clock
        watched = [WatchedScheduler(f"model {number}", one.server, LIMIT_S) for number, one in enumerate(rigs)]
        self.dog = Watchdog(watched, clock=clock, die=self.ends.append, rearm=self.timers.append)

    def seconds(self, seconds: float) -> None:
        """Let time pass, with a look at the end of each second, until the process would have ended."""
        for _ in range(round(seconds / CHECK_INTERVAL_S)):
            self._clock.advance(CHECK_INTERVAL_S)
            self.dog.look()
            if self.ends:
                return


def test_a_call_that_holds_the_loop_beyond_its_limit_ends_the_process_and_tells_where(
    rig: Make, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    watches: list[Watch] = []
    before: list[int] = []

    def where_it_hangs(inputs: Tensors) -> Tensors:
        watches[0].seconds(LIMIT_S)
        before.extend(watches[0].ends)
        watches[0].seconds(2)
        return {"y": inputs["x"]}

    idle, one = rig(clock=clock), rig(FakeModel(where_it_hangs), CHEAP, clock=clock)
    watches.append(Watch(idle, one, clock=clock))
    one.submit(1, 2)
    one.loop.turn()
    assert before == []
    assert watches[0].ends == [STUCK]
    assert "model 1 has held the event loop for 12 s in one call of 2 rows" in caplog.text
    assert "where_it_hangs" in caplog.text
    assert set(watches[0].timers) == {3 * LIMIT_S}


def test_calls_that_end_are_not_taken_for_one(rig: Make) -> None:
    clock = FakeClock()
    watches: list[Watch] = []

    def slow(inputs: Tensors) -> Tensors:
        watches[0].seconds(0.9 * LIMIT_S)
        return {"y": inputs["x"]}

    one = rig(FakeModel(slow), CHEAP, clock=clock, timeout_s=1000)
    watches.append(Watch(one, clock=clock))
    for _ in range(20):
        one.submit(1)
        one.loop.turn()
        watches[0].dog.look()
    assert watches[0].ends == []


def test_a_process_that_was_stopped_for_a_while_goes_on(rig: Make) -> None:
    clock = FakeClock()
    watches: list[Watch] = []

    def stopped(inputs: Tensors) -> Tensors:
        watches[0].seconds(1)
        clock.advance(3600)
        watches[0].seconds(1)
        return {"y": inputs["x"]}

    one = rig(FakeModel(stopped), CHEAP, clock=clock)
    watches.append(Watch(one, clock=clock))
    one.submit(1)
    one.loop.turn()
    assert watches[0].ends == []


def test_a_call_that_hangs_in_the_worker_ends_nothing(rig: Make) -> None:
    one = rig(measured=DEAR)
    watch = Watch(one, clock=one.clock)
    one.model.hold()
    one.submit(1)
    one.loop.settle()
    one.model.entered()
    watch.seconds(10 * LIMIT_S)
    assert watch.ends == []
    assert one.server.stuck_s() > LIMIT_S


def test_an_idle_replica_is_left_alone(rig: Make) -> None:
    one = rig()
    watch = Watch(one, clock=one.clock)
    watch.seconds(100)
    assert (watch.ends, len(watch.timers)) == ([], 100)


HANGS = """
import logging, re, threading
from modelyard.inference.batch import Batch
from modelyard.replica.watchdog import Watchdog, WatchedScheduler
import modelyard.replica.watchdog as watchdog
import time

class Server:
    call = None
    def batch_on_loop(self):
        return self.call

class Pending:
    rows = 1

watchdog.LOOK_EVERY_S = 0.02
server = Server()
dog = Watchdog([WatchedScheduler("model m", server, 0.2)], rearm=REARM)
dog.start()
server.call = Batch([Pending()], time.perf_counter())
"""


@pytest.mark.parametrize(
    ("rearm", "hangs", "code", "told"),
    [
        ("print", "threading.Event().wait()", STUCK, "model m has held the event loop"),
        # The engine of regular expressions keeps the interpreter while it looks.
        ("watchdog.end_later", "re.match('(a+)+$', 'a' * 60 + 'b')", 1, "Timeout"),
    ],
    ids=["and lets others run", "and keeps the interpreter"],
)
def test_a_process_that_hangs_ends(rearm: str, hangs: str, code: int, told: str) -> None:
    program = HANGS.replace("REARM", rearm) + hangs
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert 'File "<string>", line' in done.stderr, "the stack is shown"
