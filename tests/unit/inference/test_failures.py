"""Models that raise, or return invalid outputs."""

import logging

import numpy as np
import pytest

from modelyard.errors import InferenceFailed, InvalidRequest
from modelyard.inference.warmup import Warmup
from modelyard.tensors import Tensors
from tests.fakes import FakeModel, request_of
from tests.unit.inference.rig import CHEAP, EXPENSIVE, Make, Rig

POISON = 666.0


def poisoned(inputs: Tensors) -> Tensors:
    if (inputs["x"] == POISON).any():
        raise ValueError("secret of the model")
    return {"y": inputs["x"] * 2}


def finish(one: Rig, requests: int) -> None:
    one.loop.settle()
    while len(one.results) < requests:
        one.loop.turn_with_thread()


@pytest.mark.parametrize("measured", [CHEAP, EXPENSIVE], ids=["on the loop", "in the worker"])
@pytest.mark.parametrize("place", [0, 3, 7])
def test_a_request_that_the_model_fails_on_fails_alone(rig: Make, measured: Warmup, place: int) -> None:
    one = rig(FakeModel(poisoned), measured)
    values = [float(value) for value in range(8)]
    values[place] = POISON
    one.submit_each(*values)
    finish(one, 8)
    assert one.kinds() == ["InferenceFailed" if number == place else "InferResponse" for number in range(8)]
    assert [one.values(number) for number in range(8) if number != place] == [[2.0 * v] for v in values if v != POISON]
    assert len(one.model.calls) == 7, "the batch, and two halves at each of three levels"


def test_when_every_request_fails_the_number_of_calls_is_bounded(rig: Make) -> None:
    one = rig(FakeModel(poisoned))
    one.submit_each(*[POISON] * 16)
    finish(one, 16)
    assert one.kinds() == ["InferenceFailed"] * 16
    assert len(one.model.calls) == 31


def test_halves_of_a_failed_batch_run_before_later_requests(rig: Make) -> None:
    one = rig(FakeModel(poisoned), max_size=2)
    one.submit_each(1, POISON, 3, 4)
    finish(one, 4)
    assert list(one.results) == [0, 1, 2, 3]


def test_halves_do_not_wait_for_max_delay(rig: Make) -> None:
    one = rig(FakeModel(poisoned), max_size=2, max_delay_ms=5)
    one.submit_each(1, POISON, 3)
    one.loop.settle()
    assert one.kinds() == ["InferResponse", "InferenceFailed"]
    one.loop.advance(0.0051)
    assert one.values(2) == [6]


def test_a_submit_from_the_error_callback_starts_no_second_batch(rig: Make) -> None:
    one = rig(FakeModel(poisoned), EXPENSIVE)
    one.scheduler.submit(request_of(POISON), one.context(), lambda error: one.submit(1))
    one.loop.settle()
    one.model.entered()
    one.model.hold()
    one.loop.turn_with_thread()
    one.model.entered()
    one.pending[one.submit(2)].cancel()
    one.submit(3)
    one.loop.settle()
    one.pending[2].cancel()
    one.model.release()
    one.loop.turn_with_thread()
    assert one.values(0) == [2]
    assert one.model.batches == [1, 1]


def test_a_request_whose_deadline_passes_while_halves_are_tried_is_not_run_again(rig: Make) -> None:
    one = rig(FakeModel(poisoned), timeout_s=10)
    one.submit_each(1, POISON)
    one.loop.turn()
    one.clock.now += 11
    one.loop.turn_without_timers()
    assert one.kinds() == ["DeadlineExceeded"] * 2
    assert one.model.batches == [2]


def test_a_request_cancelled_while_halves_are_tried_is_not_run_again(rig: Make) -> None:
    one = rig(FakeModel(poisoned))
    one.submit_each(1, POISON)
    one.loop.turn()
    one.pending[1].cancel()
    one.loop.settle()
    assert one.model.batches == [2, 1]
    assert one.kinds() == ["InferResponse"]


def test_a_request_does_not_fail_for_one_that_was_cancelled_during_the_batch(rig: Make) -> None:
    one = rig(FakeModel(poisoned), EXPENSIVE)
    one.model.hold()
    one.submit_each(1, POISON)
    one.loop.settle()
    one.model.entered()
    one.pending[1].cancel()
    one.model.release()
    finish(one, 1)
    assert one.values(0) == [2]
    assert one.model.batches == [2, 1]


def test_a_model_failure_is_logged_and_hidden_from_the_client(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    one = rig(FakeModel(poisoned))
    number = one.submit(POISON, 1)
    finish(one, 1)
    error = one.results[number]
    assert isinstance(error, InferenceFailed)
    assert "secret" not in error.message
    assert error.__cause__ is None
    assert "the model failed on 1 requests, 2 rows" in caplog.text
    assert "secret of the model" in caplog.text


def test_a_modelyard_error_of_the_model_is_returned_and_not_logged(rig: Make, caplog: pytest.LogCaptureFixture) -> None:
    error = InvalidRequest("no such word")

    def call(inputs: Tensors) -> Tensors:
        if (inputs["x"] == POISON).any():
            raise error
        return {"y": inputs["x"] * 2}

    one = rig(FakeModel(call))
    one.submit_each(1, POISON, 3)
    with caplog.at_level(logging.ERROR):
        finish(one, 3)
    assert one.results[1] is error
    assert (one.values(0), one.values(2)) == ([2], [6])
    assert caplog.text == ""


@pytest.mark.parametrize(
    "give",
    [lambda x: x[:-1], lambda x: np.concatenate([x, x]), lambda x: np.float32(3) * np.ones(())],
    ids=["fewer", "more", "a scalar"],
)
@pytest.mark.parametrize("requests", [1, 3])
def test_a_wrong_number_of_rows_fails_the_whole_batch_at_once(rig: Make, give: object, requests: int) -> None:
    one = rig(FakeModel(lambda inputs: {"y": give(inputs["x"])}))  # type: ignore[operator]
    one.submit_each(*range(requests))
    finish(one, requests)
    assert one.kinds() == ["InferenceFailed"] * requests
    assert len(one.model.calls) == 1


def test_a_missing_output_fails_the_request(rig: Make) -> None:
    one = rig(FakeModel(lambda inputs: {}))
    one.submit(1)
    finish(one, 1)
    assert one.kinds() == ["InferenceFailed"]


@pytest.mark.parametrize("measured", [CHEAP, EXPENSIVE], ids=["on the loop", "in the worker"])
@pytest.mark.parametrize(
    "error", [SystemExit(3), MemoryError(), GeneratorExit()], ids=lambda error: type(error).__name__
)
def test_a_model_that_tries_to_end_the_process_fails_only_its_request(
    rig: Make, measured: Warmup, error: BaseException
) -> None:
    errors = [error]

    def call(inputs: Tensors) -> Tensors:
        if errors:
            raise errors.pop()
        return {"y": inputs["x"] * 2}

    one = rig(FakeModel(call), measured)
    one.submit(1)
    finish(one, 1)
    one.submit(2)
    finish(one, 2)
    assert one.kinds() == ["InferenceFailed", "InferResponse"]
