"""Deadlines pass, clients disconnect, and calls hang."""

import pytest

from modelyard.errors import Overloaded
from tests.fakes import request_of
from tests.unit.inference.rig import CHEAP, EXPENSIVE, Make, held


def test_a_running_request_fails_at_its_deadline_and_its_late_result_is_dropped(rig: Make) -> None:
    one = held(rig, timeout_s=10)
    one.loop.advance(9.99)
    assert one.results == {}
    one.loop.advance(0.02)
    assert one.kinds() == ["DeadlineExceeded"]
    one.model.release()
    one.loop.turn_with_thread()
    assert one.kinds() == ["DeadlineExceeded"]
    assert one.scheduler.in_flight == 0


def test_queued_requests_fail_each_at_its_own_deadline(rig: Make) -> None:
    one = held(rig, timeout_s=10)
    for _ in range(3):
        one.loop.advance(2)
        one.submit(1)
    for answered in (1, 2, 3, 4):
        one.loop.advance(10 - 6 + 0.01 if answered == 1 else 2)
        assert one.kinds() == ["DeadlineExceeded"] * answered


def test_there_is_one_timer_however_many_requests_wait(rig: Make) -> None:
    one = held(rig)
    one.submit_each(*range(100))
    assert len(one.loop.timers) == 1


def test_no_timer_is_left_without_open_requests(rig: Make) -> None:
    one = rig(timeout_s=10)
    one.submit(1)
    one.loop.advance(10.1)
    assert one.kinds() == ["InferResponse"]
    assert one.loop.timers == []
    one.submit(2)
    assert len(one.loop.timers) == 1


def test_a_late_batch_completes_the_requests_whose_deadline_has_not_passed(rig: Make) -> None:
    one = held(rig, timeout_s=10)
    one.submit(1)
    one.clock.advance(6)
    one.submit(2)
    one.model.hold()
    one.model.release()
    one.loop.turn_with_thread()
    one.model.entered()
    one.loop.turn_with_thread()
    assert one.kinds() == ["InferResponse", "InferResponse", "InferResponse"]


def test_only_the_requests_of_a_running_batch_whose_deadline_has_passed_fail(rig: Make) -> None:
    one = rig(measured=EXPENSIVE, timeout_s=10)
    one.model.hold()
    one.submit(1)
    one.clock.advance(4)
    one.submit(2)
    one.loop.settle()
    one.model.entered()
    assert one.model.batches == [2]
    one.loop.advance(6.01)
    assert one.kinds() == ["DeadlineExceeded"]
    one.model.release()
    one.loop.turn_with_thread()
    assert one.kinds() == ["DeadlineExceeded", "InferResponse"]


@pytest.mark.parametrize("measured", [CHEAP, EXPENSIVE], ids=["cheap", "expensive"])
def test_a_request_past_its_deadline_does_not_join_a_batch(rig: Make, measured: object) -> None:
    one = rig(measured=measured, timeout_s=10)
    one.submit(1)
    one.clock.now += 9
    one.submit(2)
    one.clock.now += 2  # the loop was blocked: the deadline passes before any timer runs
    one.loop.turn_without_timers()
    if len(one.results) < 2:
        one.loop.turn_with_thread()
    assert one.model.batches == [1]
    assert one.kinds() == ["DeadlineExceeded", "InferResponse"]


def test_the_scheduler_continues_after_a_hung_call(rig: Make) -> None:
    one = held(rig, timeout_s=10, queue=3)
    assert one.scheduler.stuck_s() == 0
    one.loop.advance(5)
    one.submit_each(1, 2, 3)
    with pytest.raises(Overloaded):
        one.submit(9)
    one.loop.advance(10.01)
    assert one.kinds() == ["DeadlineExceeded"] * 4
    assert one.scheduler.stuck_s() == pytest.approx(15.01)
    with pytest.raises(Overloaded, match="as long as the timeout allows"):
        one.submit(4)  # it would get a 504 in ten seconds
    one.model.release()
    one.loop.turn_with_thread()
    last = one.submit(4)
    one.loop.settle()
    one.loop.turn_with_thread()
    assert one.values(last) == [8]
    assert one.scheduler.stuck_s() == 0
    assert one.model.batches == [1, 1]


def test_an_idle_scheduler_is_not_stuck(rig: Make) -> None:
    one = rig()
    one.submit(1)
    one.loop.settle()
    one.clock.advance(100)
    assert one.scheduler.stuck_s() == 0


def test_a_cancelled_request_is_dropped_before_its_batch(rig: Make) -> None:
    one = rig()
    one.submit_each(1, 2, 3)
    one.pending[1].cancel()
    one.loop.settle()
    assert one.model.batches == [2]
    assert list(one.results) == [0, 2]
    assert one.values(2) == [6]


def test_the_model_is_not_called_if_all_requests_are_cancelled(rig: Make) -> None:
    one = rig()
    one.submit_each(1, 2)
    for pending in one.pending:
        pending.cancel()
    one.loop.settle()
    assert one.model.calls == []
    assert one.scheduler.in_flight == 0


def test_a_request_cancelled_during_its_batch_is_not_completed(rig: Make) -> None:
    one = held(rig)
    one.pending[0].cancel()
    one.model.release()
    one.loop.turn_with_thread()
    assert one.results == {}


def test_cancelling_twice_or_after_completion_does_nothing(rig: Make) -> None:
    one = rig()
    one.submit_each(1, 2)
    one.pending[0].cancel()
    one.pending[0].cancel()
    one.loop.settle()
    one.pending[1].cancel()
    assert one.scheduler.in_flight == 0
    assert [record[0] for record in one.records] == ["Cancelled", "OK"]


def test_requests_cancelled_during_a_hung_call_do_not_stay_in_memory(rig: Make) -> None:
    one = held(rig, queue=10)
    one.submit(1)
    for _ in range(1000):
        one.pending[one.submit(2)].cancel()
    assert len(one.scheduler._queue._requests) < 100


def test_a_submit_from_the_deadline_callback_starts_no_second_batch(rig: Make) -> None:
    one = rig(measured=EXPENSIVE, timeout_s=10, queue=1)
    one.model.hold()
    one.scheduler.submit(request_of(1), one.context(), lambda error: (one.submit(2), one.submit(3)))
    one.clock.now += 11
    one.loop.turn()
    one.model.entered()
    assert one.model.batches == [1]
    one.model.release()
    one.loop.turn_with_thread()
    one.loop.turn_with_thread()
    assert one.kinds() == ["InferResponse", "InferResponse"]


def test_requests_of_one_hung_call_fail_each_at_its_own_deadline(rig: Make) -> None:
    one = rig(measured=EXPENSIVE, timeout_s=10)
    one.model.hold()
    one.submit(1)
    one.clock.advance(4)
    one.submit(2)
    one.loop.settle()
    one.model.entered()
    one.loop.advance(6.01)
    assert one.kinds() == ["DeadlineExceeded"]
    one.loop.advance(4)
    assert one.kinds() == ["DeadlineExceeded"] * 2
