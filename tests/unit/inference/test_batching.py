"""Which requests share a batch, when it runs, and what each request gets."""

import threading

import numpy as np
import pytest

from modelyard.inference.pending_request import InferResponse
from modelyard.inference.scheduler import RECHECK, SINGLES
from modelyard.inference.warmup import Warmup
from modelyard.tensors import FREE, InferRequest, Signature, TensorSpec
from tests.fakes import FakeClock, FakeModel
from tests.unit.inference.rig import CHEAP, EXPENSIVE, Make


def test_requests_of_one_loop_iteration_share_a_batch(rig: Make) -> None:
    one = rig()
    one.submit_each(1, 2, 3)
    assert one.model.batches == []
    one.loop.turn()
    assert one.model.batches == [3]
    assert [one.values(number) for number in range(3)] == [[2], [4], [6]]


def test_requests_of_different_loop_iterations_do_not_share_a_batch(rig: Make) -> None:
    one = rig()
    for value in (1, 2):
        one.submit(value)
        one.loop.turn()
    assert one.model.batches == [1, 1]


def test_each_request_gets_its_own_rows(rig: Make) -> None:
    one = rig()
    sizes = [3, 1, 4, 1, 5]
    for number, size in enumerate(sizes):
        one.submit(*(number * 10 + row for row in range(size)))
    one.loop.settle()
    assert one.model.batches == [14]
    for number, size in enumerate(sizes):
        assert one.values(number) == [2 * (number * 10 + row) for row in range(size)]


def test_requests_of_a_batch_complete_in_order(rig: Make) -> None:
    one = rig(max_size=2)
    one.submit_each(*range(7))
    one.loop.settle()
    assert list(one.results) == list(range(7))


def test_the_parts_of_a_batch_are_views_of_its_output(rig: Make) -> None:
    one = rig()
    first, second = one.submit_each(1, 2)
    one.loop.settle()
    answers = one.results[first], one.results[second]
    assert isinstance(answers[0], InferResponse)
    assert isinstance(answers[1], InferResponse)
    assert answers[0].outputs["y"].base is answers[1].outputs["y"].base is not None


def test_a_batch_holds_at_most_max_size_rows(rig: Make) -> None:
    one = rig(max_size=4)
    for _ in range(5):
        one.submit(1, 2)
    one.loop.settle()
    assert one.model.batches == [4, 4, 2]


def test_a_request_that_does_not_fit_waits_for_the_next_batch_and_is_not_overtaken(rig: Make) -> None:
    one = rig(max_size=4)
    one.submit(1, 2, 3)
    one.submit(4, 5)
    one.submit(6)
    one.loop.settle()
    assert one.model.batches == [3, 3]


def test_a_request_larger_than_max_size_runs_alone_and_whole(rig: Make) -> None:
    one = rig(max_size=4)
    one.submit(0)
    big = one.submit(*range(9))
    one.submit(0)
    one.loop.settle()
    assert one.model.batches == [1, 9, 1]
    assert len(one.values(big)) == 9


@pytest.mark.parametrize("measured", [CHEAP, EXPENSIVE], ids=["cheap", "expensive"])
def test_a_model_that_cannot_be_batched_runs_one_request_at_a_time(rig: Make, measured: Warmup) -> None:
    one = rig(measured=Warmup(measured.fixed_s, measured.per_row_s, batchable=False, reason="turned off"))
    one.submit_each(1, 2)
    one.submit(3, 4)
    one.loop.settle()
    while len(one.results) < 3:
        one.loop.turn_with_thread()
    assert one.model.batches == [1, 1, 2]


def test_outputs_of_a_model_without_rows_are_not_split(rig: Make) -> None:
    signature = Signature((TensorSpec("x", "FP32", ()),), (TensorSpec("y", "FP32", (FREE,)),))
    model = FakeModel(lambda inputs: {"y": np.arange(inputs["x"])}, signature=signature, example={})
    one = rig(model, Warmup(20e-6, 0, batchable=False, reason="no rows"))
    number = one.submit(request=InferRequest({"x": np.array(5)}, 1, ("y",)))
    one.loop.settle()
    assert one.values(number) == [0, 1, 2, 3, 4]


def tensors(names: str, dtype: type = np.float32, width: int = 1, outputs: tuple[str, ...] = ("y",)) -> InferRequest:
    return InferRequest({name: np.ones((1, width), dtype) for name in names}, 1, outputs)


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (tensors("ab"), True),
        (tensors("ba"), True),
        (tensors("a"), False),
        (tensors("ac"), False),
        (tensors("ab", dtype=np.float64), False),
        (tensors("ab", width=2), False),
        (tensors("ab", outputs=("y", "z")), False),
    ],
    ids=["same", "names in another order", "fewer", "another name", "datatype", "shape", "outputs"],
)
def test_only_requests_with_one_batch_key_share_a_batch(rig: Make, other: InferRequest, together: bool) -> None:
    model = FakeModel(lambda inputs: dict.fromkeys("yz", np.zeros((len(inputs["a"]), 1))))
    one = rig(model)
    one.submit(request=tensors("ab"))
    one.submit(request=other)
    one.loop.settle()
    assert model.batches == ([2] if together else [1, 1])


def test_the_oldest_request_decides_which_batch_key_runs_next(rig: Make) -> None:
    model = FakeModel(lambda inputs: {"y": inputs["a"]})
    one = rig(model, max_size=2)
    kinds = {"n": tensors("a"), "w": tensors("a", width=2)}
    for kind in "nwnnww":
        one.submit(request=kinds[kind])
    one.loop.settle()
    assert [(len(call["a"]), call["a"].shape[1]) for call in model.calls] == [(2, 1), (2, 2), (1, 1), (1, 2)]
    assert list(one.results) == [0, 2, 1, 4, 3, 5]


def test_requests_gather_while_a_batch_runs_in_the_worker(rig: Make) -> None:
    one = rig(measured=EXPENSIVE)
    one.model.hold()
    one.submit(1)
    one.loop.settle()
    one.model.entered()
    one.submit_each(2, 3, 4)
    one.loop.settle()
    assert one.model.batches == [1]
    one.model.release()
    one.loop.turn_with_thread()
    one.loop.turn_with_thread()
    assert one.model.batches == [1, 3]
    assert list(one.results) == [0, 1, 2, 3]


def test_the_worker_gets_its_next_batch_before_the_last_responses_are_written(rig: Make) -> None:
    one = rig(measured=EXPENSIVE)
    calls_begun: list[int] = []

    def done(response: object) -> None:
        one.model.entered()
        calls_begun.append(len(one.model.calls))

    one.model.hold()
    one.scheduler.submit(tensors("x"), one.context(), done)
    one.loop.settle()
    one.model.entered()
    one.submit(2)
    one.model.release()
    one.loop.turn_with_thread()
    assert calls_begun == [2]


def test_an_expensive_batch_runs_in_the_worker_and_a_cheap_one_on_the_loop(rig: Make) -> None:
    cheap, expensive = rig(measured=CHEAP), rig(measured=EXPENSIVE)
    for one in (cheap, expensive):
        one.submit(1)
        one.loop.settle()
    expensive.loop.turn_with_thread()
    assert cheap.model.threads == {"MainThread"}
    assert expensive.model.threads == {"modelyard-model"}


def test_many_rows_of_a_cheap_model_run_in_the_worker(rig: Make) -> None:
    one = rig(measured=Warmup(20e-6, 20e-6, batchable=True), max_size=64)
    one.submit(*range(60))
    one.loop.settle()
    one.loop.turn_with_thread()
    assert one.model.threads == {"modelyard-model"}


def test_a_model_that_becomes_slow_moves_to_the_worker_and_back_when_it_is_fast_again(rig: Make) -> None:
    clock = FakeClock()
    seconds = [0.02]
    one = rig(FakeModel(clock=clock, seconds=lambda rows: seconds[0]), CHEAP, clock=clock)

    def ran_in_worker() -> bool:
        one.model.threads.clear()
        number = one.submit(1)
        one.loop.settle()
        if number not in one.results:
            one.loop.turn_with_thread()
        return one.model.threads == {"modelyard-model"}

    slow = [ran_in_worker() for _ in range(6)]
    assert (slow[0], slow[-1]) == (False, True)
    seconds[0] = 20e-6
    assert not [ran_in_worker() for _ in range(200)][-1]


def test_a_model_that_is_slow_only_in_the_worker_returns_to_the_loop_under_load(rig: Make) -> None:
    """In the worker each call also waits for the interpreter, so its time there must not keep the model in the worker."""
    clock = FakeClock()
    preempted = [True]

    def seconds(rows: int) -> float:
        return 0.01 if preempted[0] or threading.current_thread().name == "modelyard-model" else 20e-6

    one = rig(FakeModel(clock=clock, seconds=seconds), CHEAP, clock=clock)
    while "modelyard-model" not in one.model.threads:
        one.submit(1)
        one.loop.settle()
        one.model.entered()  # else the queue fills before the thread has started
    preempted[0] = False
    one.model.threads.clear()
    for _ in range(100):
        one.submit(1)  # there is always one that waits when the call before it ends
        if one.loop.idle:
            one.loop.turn_with_thread()
        else:
            one.loop.turn()
        if "MainThread" in one.model.threads:
            return
    pytest.fail(f"{len(one.model.calls)} calls, all of them in the worker")


def test_max_delay_waits_for_more_rows_though_the_model_is_idle(rig: Make) -> None:
    one = rig(max_delay_ms=5)
    one.submit(1)
    one.loop.advance(0.003)
    one.submit(2)
    one.loop.advance(0.001)
    assert one.model.batches == []
    one.loop.advance(0.0011)
    assert one.model.batches == [2]


def test_max_delay_ends_when_the_batch_is_full(rig: Make) -> None:
    one = rig(max_delay_ms=5, max_size=3)
    one.submit_each(1, 2, 3)
    one.loop.settle()
    assert one.model.batches == [3]
    one.submit(4)
    one.loop.advance(0.0049)
    assert one.model.batches == [3], "a new wait begins with the next request"


def test_max_delay_counts_from_the_request_also_behind_a_running_batch(rig: Make) -> None:
    one = rig(measured=EXPENSIVE, max_delay_ms=5)
    one.model.hold()
    one.submit(1)
    one.loop.advance(0.005)
    one.model.entered()
    one.submit(2)
    one.clock.advance(0.002)
    one.model.release()
    one.loop.turn_with_thread()
    assert one.model.batches == [1]
    one.loop.advance(0.0031)
    one.loop.turn_with_thread()
    assert one.model.batches == [1, 1]


def test_a_single_client_is_served_within_submit_and_a_second_one_is_detected(rig: Make) -> None:
    one = rig()

    def completed_in_submit() -> bool:
        number = one.submit(1)
        at_once = number in one.results
        one.loop.settle()
        return at_once

    first = [completed_in_submit() for _ in range(SINGLES + 1)]
    assert first == [False] * SINGLES + [True]
    later = [completed_in_submit() for _ in range(3 * RECHECK)]
    assert later.count(False) == 6, "two of each RECHECK requests are queued"
    for _ in range(RECHECK):
        one.submit_each(1, 1)
        one.loop.settle()
    assert one.model.batches[-1] == 2
    assert not completed_in_submit(), "there were concurrent requests"


def test_requests_with_different_batch_keys_count_as_concurrent(rig: Make) -> None:
    one = rig(measured=Warmup(20e-6, 0, batchable=False, reason="turned off"))
    for _ in range(RECHECK):
        first, second = one.submit_each(1, 2)
        assert first not in one.results
        one.loop.settle()
        assert second in one.results


def test_a_request_submitted_from_a_callback_joins_the_queue(rig: Make) -> None:
    one = rig()
    for _ in range(SINGLES):
        one.submit(1)
        one.loop.settle()
    answered_inside: list[bool] = []
    one.scheduler.submit(
        tensors("x"), one.context(), lambda response: answered_inside.append(one.submit(1) in one.results)
    )
    assert answered_inside == [False]
    one.loop.settle()
    assert SINGLES in one.results


def test_a_submit_from_a_callback_does_not_deepen_the_stack(rig: Make) -> None:
    one = rig()
    for _ in range(SINGLES):
        one.submit(1)
        one.loop.settle()
    answers = []

    def again(response: object) -> None:
        answers.append(response)
        if len(answers) < 5000:
            one.scheduler.submit(tensors("x"), one.context(), again)

    one.scheduler.submit(tensors("x"), one.context(), again)
    one.loop.settle()
    assert len(answers) == 5000


def test_no_batch_is_larger_than_its_deadline_allows(rig: Make) -> None:
    one = rig(measured=Warmup(0.1, 0.2, batchable=True), max_size=64, timeout_s=2)
    one.submit_each(*range(8))
    one.loop.settle()
    while len(one.results) < 8:
        one.loop.turn_with_thread()
    assert one.model.batches[0] == 4, "0.1 s + 4 * 0.2 s is within half of 2 s"
