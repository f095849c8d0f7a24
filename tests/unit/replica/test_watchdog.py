"""A batch that blocks the event loop forever ends the process; nothing else does."""

import subprocess
import sys

import pytest

from modelyard.replica.watchdog import CHECK_INTERVAL_S, STUCK, Watchdog, WatchedScheduler
from modelyard.tensors import Tensors
from tests.fakes import FakeClock, FakeModel
from tests.unit.inference.rig import CHEAP, EXPENSIVE, Make, Rig

LIMIT_S = 10.0


class SteppedWatchdog:
    """A watchdog that a test steps second by second."""

    def __init__(self, *rigs: Rig, clock: FakeClock) -> None:
        self.ends: list[int] = []
        self.timers: list[float] = []
        self._clock = clock
        watched = [WatchedScheduler(f"model {number}", one.scheduler, LIMIT_S) for number, one in enumerate(rigs)]
        self.watchdog = Watchdog(watched, clock=clock, end_process=self.ends.append, rearm=self.timers.append)

    def seconds(self, seconds: float) -> None:
        """Let time pass, with a check at the end of each second, until the process would end."""
        for _ in range(round(seconds / CHECK_INTERVAL_S)):
            self._clock.advance(CHECK_INTERVAL_S)
            self.watchdog.check()
            if self.ends:
                return


def test_a_batch_that_blocks_the_loop_ends_the_process_and_logs_the_stack(
    rig: Make, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    watchdogs: list[SteppedWatchdog] = []
    before: list[int] = []

    def where_it_hangs(inputs: Tensors) -> Tensors:
        watchdogs[0].seconds(LIMIT_S)
        before.extend(watchdogs[0].ends)
        watchdogs[0].seconds(2)
        return {"y": inputs["x"]}

    idle, one = rig(clock=clock), rig(FakeModel(where_it_hangs), CHEAP, clock=clock)
    watchdogs.append(SteppedWatchdog(idle, one, clock=clock))
    one.submit(1, 2)
    one.loop.turn()
    assert before == []
    assert watchdogs[0].ends == [STUCK]
    assert "model 1 has blocked the event loop for 12 s with one batch of 2 rows" in caplog.text
    assert "where_it_hangs" in caplog.text
    assert set(watchdogs[0].timers) == {3 * LIMIT_S}


def test_many_batches_that_end_do_not_count_as_one(rig: Make) -> None:
    clock = FakeClock()
    watchdogs: list[SteppedWatchdog] = []

    def slow(inputs: Tensors) -> Tensors:
        watchdogs[0].seconds(0.9 * LIMIT_S)
        return {"y": inputs["x"]}

    one = rig(FakeModel(slow), CHEAP, clock=clock, timeout_s=1000)
    watchdogs.append(SteppedWatchdog(one, clock=clock))
    for _ in range(20):
        one.submit(1)
        one.loop.turn()
        watchdogs[0].watchdog.check()
    assert watchdogs[0].ends == []


def test_a_suspended_process_is_not_ended(rig: Make) -> None:
    clock = FakeClock()
    watchdogs: list[SteppedWatchdog] = []

    def stopped(inputs: Tensors) -> Tensors:
        watchdogs[0].seconds(1)
        clock.advance(3600)
        watchdogs[0].seconds(1)
        return {"y": inputs["x"]}

    one = rig(FakeModel(stopped), CHEAP, clock=clock)
    watchdogs.append(SteppedWatchdog(one, clock=clock))
    one.submit(1)
    one.loop.turn()
    assert watchdogs[0].ends == []


def test_a_batch_that_hangs_in_the_worker_does_not_end_the_process(rig: Make) -> None:
    one = rig(measured=EXPENSIVE)
    watch = SteppedWatchdog(one, clock=one.clock)
    one.model.hold()
    one.submit(1)
    one.loop.settle()
    one.model.entered()
    watch.seconds(10 * LIMIT_S)
    assert watch.ends == []
    assert one.scheduler.stuck_s() > LIMIT_S


def test_an_idle_replica_is_not_ended(rig: Make) -> None:
    one = rig()
    watch = SteppedWatchdog(one, clock=one.clock)
    watch.seconds(100)
    assert (watch.ends, len(watch.timers)) == ([], 100)


HANGS = """
import logging, re, threading
from modelyard.inference.batch import Batch
from modelyard.replica.watchdog import Watchdog, WatchedScheduler
import modelyard.replica.watchdog as watchdog
import time

class Scheduler:
    batch = None
    def batch_on_loop(self):
        return self.batch

class Pending:
    rows = 1

watchdog.CHECK_INTERVAL_S = 0.02
scheduler = Scheduler()
dog = Watchdog([WatchedScheduler("model m", scheduler, 0.2)], rearm=REARM)
dog.start()
scheduler.batch = Batch([Pending()], time.perf_counter())
"""


@pytest.mark.parametrize(
    ("rearm", "hangs", "code", "text"),
    [
        ("print", "threading.Event().wait()", STUCK, "model m has blocked the event loop"),
        # The regular expression engine holds the interpreter lock.
        ("watchdog.end_later", "re.match('(a+)+$', 'a' * 60 + 'b')", 1, "Timeout"),
    ],
    ids=["and releases the interpreter lock", "and holds the interpreter lock"],
)
def test_a_process_that_hangs_ends(rearm: str, hangs: str, code: int, text: str) -> None:
    program = HANGS.replace("REARM", rearm) + hangs
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, text in done.stderr) == (code, True), done.stderr
    assert 'File "<string>", line' in done.stderr, "the stack is shown"


GARBAGE = """
import gc, sys, threading
from modelyard.replica.watchdog import stack_of

class Cycle:
    def __init__(self):
        self.itself, self.local = self, threading.local()
        self.local.x = 1

gc.collect()
stopped = threading.Event()
threads = [threading.Thread(target=stopped.wait) for _ in range(50)]
for each in threads:
    each.start()
gc.disable()
garbage = [Cycle() for _ in range(100)]
del garbage
gc.set_threshold(gc.get_count()[0] + 30)  # the collector runs while the stacks of the 50 threads are found
gc.enable()
print(stack_of(threading.get_ident()), gc.isenabled())
stopped.set()
"""


def test_a_stack_is_found_while_there_is_garbage_with_local_variables_of_threads() -> None:
    """CPython 3.11 holds a lock while it finds the stacks, and waits for the same lock if it collects such garbage meanwhile."""
    done = subprocess.run([sys.executable, "-c", GARBAGE], capture_output=True, text=True, timeout=60, check=False)
    assert 'File "<string>", line' in done.stdout, done.stderr
    assert done.stdout.endswith("True\n"), "the collector is on again"
