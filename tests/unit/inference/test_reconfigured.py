"""Limits and batching that change while requests wait: they apply at once, and no request is lost."""

import pytest

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import Overloaded
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import OFF, Warmup
from modelyard.replica.watchdog import Watchdog, WatchedScheduler
from tests.unit.inference.rig import CHEAP, Make, Rig, held


def finish(one: Rig) -> None:
    """Let the model answer all waiting requests."""
    one.model.release()
    while one.scheduler.in_flight:
        one.loop.turn_with_thread()


def configure(server: Scheduler, limits: Limits | None = None, batching: Batching | None = None) -> None:
    server.configure(limits or Limits(), batching or Batching())


def test_a_longer_queue_accepts_more_and_a_shorter_one_loses_no_request(rig: Make) -> None:
    one = held(rig, queue=1)
    one.submit(1)
    configure(one.scheduler, Limits(queue=3))
    one.submit_each(2, 3)
    configure(one.scheduler, Limits(queue=2))
    with pytest.raises(Overloaded):
        one.submit(4)
    finish(one)
    assert [one.values(number) for number in range(4)] == [[0], [2], [4], [6]]


def test_a_smaller_batch_holds_for_requests_that_wait_already(rig: Make) -> None:
    one = held(rig)
    one.submit_each(1, 2, 3, 4)
    configure(one.scheduler, batching=Batching(max_size=2))
    finish(one)
    assert one.model.batches == [1, 2, 2]


def test_batching_is_turned_off_and_on_again(rig: Make) -> None:
    one = held(rig)
    one.submit_each(1, 2)
    configure(one.scheduler, batching=Batching(max_size=1))
    finish(one)
    assert one.model.batches == [1, 1, 1]
    one.model.hold()
    one.submit(3)
    one.loop.settle()
    one.model.entered()
    configure(one.scheduler, batching=Batching(max_size=64))
    one.submit_each(4, 5)
    finish(one)
    assert one.model.batches[3:] == [1, 2]


def test_what_was_not_proved_at_load_is_never_batched(rig: Make) -> None:
    one = rig(measured=Warmup(50e-3, 1e-3, batchable=False))
    configure(one.scheduler, batching=Batching(max_size=64))
    one.submit_each(1, 2)
    one.loop.settle()
    finish(one)
    assert one.model.batches == [1, 1]


def test_a_shorter_time_out_holds_for_requests_that_wait_already(rig: Make) -> None:
    one = held(rig, timeout_s=100)
    one.clock.advance(1)
    one.submit(1)
    one.clock.advance(2)
    configure(one.scheduler, Limits(timeout_s=2.5))
    assert one.kinds() == ["DeadlineExceeded"]
    assert 0 in one.results
    one.clock.advance(0.6)
    one.loop.turn()
    assert one.kinds() == ["DeadlineExceeded"] * 2
    finish(one)


def test_a_longer_time_out_holds_for_requests_that_wait_already(rig: Make) -> None:
    one = held(rig, timeout_s=2)
    one.submit(1)
    configure(one.scheduler, Limits(timeout_s=100))
    one.clock.advance(50)
    one.loop.turn()
    assert one.results == {}
    finish(one)
    assert one.kinds() == ["InferResponse"] * 2


@pytest.mark.parametrize("delay_ms", [0, 100])
def test_a_shorter_delay_starts_a_batch_that_was_waiting(rig: Make, delay_ms: float) -> None:
    one = rig(measured=CHEAP, max_delay_ms=60_000, timeout_s=1000)
    one.submit(1)
    one.loop.turn()
    assert one.results == {}
    configure(one.scheduler, Limits(timeout_s=1000), Batching(max_delay_ms=delay_ms))
    one.clock.advance(delay_ms / 1000)
    one.loop.turn()
    assert one.values(0) == [2]


def test_a_model_whose_batching_is_off_reports_that_until_it_is_on_again() -> None:
    off = CHEAP.limited_to(Batching(max_size=1))
    assert (off.batchable, off.reason) == (False, OFF)
    assert CHEAP.limited_to(Batching(max_size=2)) == CHEAP
    mixes = Warmup(1.0, 1.0, batchable=False, reason="it mixes rows")
    assert mixes.limited_to(Batching(max_size=1)) == mixes


def test_the_watchdog_uses_a_changed_limit_from_its_next_check(rig: Make) -> None:
    one, ends, timers = rig(), list[int](), list[float]()
    dog = Watchdog(
        [WatchedScheduler("m", one.scheduler, 10.0)], clock=one.clock, end_process=ends.append, rearm=timers.append
    )
    dog.check()
    dog.watch([WatchedScheduler("m", one.scheduler, 20.0)])
    dog.check()
    assert timers == [30.0, 60.0]
