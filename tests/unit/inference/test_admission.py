"""Which requests are accepted and rejected, draining and closing."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
import uvloop

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import ModelNotReady, Overloaded
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import Warmup
from tests.fakes import PATIENCE_S, FakeModel, request_of, unrecorded
from tests.unit.inference.rig import EXPENSIVE, Make, held


def test_a_request_beyond_the_queue_limit_is_rejected(rig: Make) -> None:
    one = held(rig, queue=3)
    one.submit_each(1, 2, 3)
    with pytest.raises(Overloaded, match="the queue is full: 3 requests are waiting"):
        one.submit(4)
    assert one.scheduler.in_flight == 4
    one.model.release()
    one.loop.turn_with_thread()
    one.loop.turn_with_thread()
    assert list(one.results) == [0, 1, 2, 3]
    assert one.scheduler.in_flight == 0
    one.submit(5)


def test_the_worker_thread_does_not_keep_the_process_alive(rig: Make) -> None:
    before = set(threading.enumerate())  # other tests' threads may not have ended yet
    held(rig)
    started = set(threading.enumerate()) - before
    assert [(thread.name, thread.daemon) for thread in started] == [("modelyard-model", True)]


@pytest.mark.parametrize(
    ("measured", "seconds"),
    [
        (Warmup(0.1, 0.0, batchable=True), 1),  # 0.1 s for the running call, 0.1 s for the next
        (Warmup(2.0, 0.1, batchable=True), 5),  # 2.1 s running, and one call of 8 rows: 2.8 s
        (Warmup(2.0, 0.1, batchable=False), 19),  # 2.1 s running, and 8 calls of 2.1 s
        (Warmup(9.0, 1.0, batchable=False), 30),  # no more than that
    ],
    ids=["quick", "one batch", "one by one", "the most"],
)
def test_a_rejection_has_a_retry_after_of_the_time_that_the_queue_needs(
    rig: Make, measured: Warmup, seconds: int
) -> None:
    one = held(rig, measured, queue=8, timeout_s=1000)
    one.submit_each(*range(8))
    with pytest.raises(Overloaded) as rejected:
        one.submit(9)
    assert rejected.value.retry_after_s == seconds


def test_an_overdue_batch_increases_retry_after(rig: Make) -> None:
    one = held(rig, queue=1, timeout_s=100)
    one.submit(1)
    one.clock.advance(12)
    with pytest.raises(Overloaded) as rejected:
        one.submit(2)
    assert rejected.value.retry_after_s == 13


def test_a_queue_that_fills_while_the_model_is_idle_runs_at_once(rig: Make) -> None:
    one = rig(queue=2)
    one.submit_each(*range(9))
    one.loop.settle()
    assert one.kinds() == ["InferResponse"] * 9
    assert one.model.batches == [2, 2, 2, 2, 1]


def test_a_batch_that_makes_room_is_not_followed_by_a_second_one_while_it_runs(rig: Make) -> None:
    one = rig(measured=EXPENSIVE, queue=1)
    one.model.hold()
    one.submit(1)
    one.submit(2)
    one.loop.settle()
    one.pending[1].cancel()
    one.model.release()
    one.loop.turn_with_thread()
    one.submit(3)
    one.loop.settle()
    one.loop.turn_with_thread()
    assert list(one.results) == [0, 2]
    assert one.model.batches == [1, 1]


def test_in_flight_counts_the_waiting_and_the_running(rig: Make) -> None:
    one = held(rig)
    one.submit_each(1, 2)
    assert one.scheduler.in_flight == 3
    one.pending[1].cancel()
    assert one.scheduler.in_flight == 2
    one.model.release()
    one.loop.turn_with_thread()
    assert one.scheduler.in_flight == 1
    one.loop.turn_with_thread()
    assert one.scheduler.in_flight == 0


def test_a_closed_scheduler_rejects_new_requests_and_fails_open_ones(rig: Make) -> None:
    one = held(rig)
    one.submit(1)
    one.scheduler.close()
    assert one.kinds() == ["ModelNotReady"] * 2
    with pytest.raises(ModelNotReady):
        one.submit(2)
    one.model.release()
    one.loop.turn_with_thread()
    one.clock.advance(1)
    assert len(one.results) == 2
    assert one.scheduler.stuck_s() == 0, "what was closed is not run"
    assert not [timer for timer in one.loop.timers if not timer.cancelled()]


def test_each_request_is_recorded_once_with_its_outcome(rig: Make) -> None:
    one = held(rig, queue=2, timeout_s=5)
    one.submit_each(1, 2)
    with pytest.raises(Overloaded):
        one.submit(3)
    one.pending[2].cancel()
    one.clock.advance(1)
    one.submit(4, 5)
    one.model.release()
    one.loop.turn_with_thread()
    one.loop.turn_with_thread()
    assert [(outcome, rows, batch_rows) for outcome, rows, _, _, batch_rows in one.records] == [
        ("Overloaded", 1, 0),
        ("Cancelled", 1, 0),
        ("OK", 1, 1),
        ("OK", 1, 3),
        ("OK", 2, 3),
    ]
    assert [round(queue_s, 3) for _, _, queue_s, _, _ in one.records] == [0, 0, 0, 1, 0]


def test_a_failing_callback_does_not_affect_other_requests(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    one = rig()

    def done(response: object) -> None:
        raise ZeroDivisionError("the client's own")

    one.scheduler.submit(request_of(1), one.context(), done)
    one.submit(2)
    one.loop.settle()
    assert one.kinds() == ["InferResponse"]
    assert "the client's own" in caplog.text


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A real event loop, as in production."""
    loop = uvloop.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize(
    "measured", [EXPENSIVE, Warmup(20e-6, 0, batchable=True)], ids=["in the worker", "on the loop"]
)
@pytest.mark.parametrize("max_delay_ms", [0, 60_000])
def test_draining_completes_accepted_requests_and_rejects_new_ones(
    loop: asyncio.AbstractEventLoop, measured: Warmup, max_delay_ms: float
) -> None:
    scheduler = Scheduler(
        FakeModel(), measured, limits=Limits(), batching=Batching(max_size=2, max_delay_ms=max_delay_ms), loop=loop
    )
    answers: list[object] = []

    async def drain() -> None:
        for value in range(5):
            scheduler.submit(request_of(value), unrecorded(), answers.append)
        draining = asyncio.ensure_future(scheduler.drain())
        await asyncio.sleep(0)
        with pytest.raises(ModelNotReady):
            scheduler.submit(request_of(9), unrecorded(), answers.append)
        await draining
        assert len(answers) == 5
        await scheduler.drain()

    loop.run_until_complete(asyncio.wait_for(drain(), 10))
    scheduler.close()


def test_draining_does_not_wait_for_max_delay(loop: asyncio.AbstractEventLoop) -> None:
    scheduler = Scheduler(
        FakeModel(), EXPENSIVE, limits=Limits(timeout_s=60), batching=Batching(max_delay_ms=60_000), loop=loop
    )
    answers: list[object] = []

    async def drain() -> None:
        scheduler.submit(request_of(1), unrecorded(), answers.append)
        await scheduler.drain()

    loop.run_until_complete(asyncio.wait_for(drain(), 10))
    assert len(answers) == 1
    scheduler.close()


def test_draining_a_hung_model_ends_with_the_last_deadline(loop: asyncio.AbstractEventLoop) -> None:
    model = FakeModel()
    model.hold()
    scheduler = Scheduler(model, EXPENSIVE, limits=Limits(timeout_s=0.05), batching=Batching(), loop=loop)
    answers: list[object] = []

    async def drain() -> None:
        scheduler.submit(request_of(1), unrecorded(), answers.append)
        scheduler.submit(request_of(2), unrecorded(), answers.append)
        await scheduler.drain()

    loop.run_until_complete(asyncio.wait_for(drain(), 10))
    assert [type(response).__name__ for response in answers] == ["DeadlineExceeded"] * 2
    scheduler.close()
    model.release()


def test_a_batch_may_end_after_its_event_loop_was_closed() -> None:
    loop = uvloop.new_event_loop()
    model = FakeModel()
    model.hold()
    scheduler = Scheduler(model, EXPENSIVE, limits=Limits(), batching=Batching(), loop=loop)
    scheduler.submit(request_of(1), unrecorded(), lambda response: loop.stop())
    loop.call_later(0.01, scheduler.close)
    loop.run_forever()
    loop.close()
    model.release()
    for thread in threading.enumerate():
        if thread.name == "modelyard-model":
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
