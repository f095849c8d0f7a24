"""Responses in parts: requested one by one, recorded once, and cancelled within a step."""

import threading
from typing import Any

import numpy as np
import pytest

from modelyard.errors import ModelNotReady, ModelyardError, Overloaded
from modelyard.inference.generation import Generation, Generations
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.running_requests import CURRENT
from tests.fakes import PATIENCE_S, FakeClock, FakeGenerator, request_of
from tests.unit.inference.rig import Make, Rig


class Client:
    """Requests the parts of one generation."""

    def __init__(
        self, one: Rig, *values: float, unwritten: Exception | None = None, timeout_s: float | None = None
    ) -> None:
        self.parts: list[list[float]] = []
        self.results: list[InferResponse | ModelyardError] = []
        self._one = one
        self._unwritten = unwritten
        context = one.scheduler.open_requests.context(one.recorder)
        context.timeout_s = timeout_s
        self.generation: Generation = generations(one).begin(
            request_of(*values), self._part, self.results.append, context
        )

    def _part(self, outputs: Any) -> None:
        if self._unwritten:
            raise self._unwritten
        self.parts.append(outputs["y"].ravel().tolist())

    def step(self) -> None:
        self.generation.go_on()
        self._one.loop.turn_with_thread()


def generations(one: Rig) -> Generations:
    assert one.scheduler.generations is not None
    return one.scheduler.generations


def wait_for_worker(one: Rig) -> None:
    """Wait until the worker has done what it was given so far."""
    done = threading.Event()
    generations(one).worker.do(done.set)
    assert done.wait(PATIENCE_S)


def outcomes(one: Rig) -> list[str]:
    return [outcome for outcome, *_ in one.records]


def test_each_part_is_computed_when_it_is_requested(rig: Make) -> None:
    one = rig(FakeGenerator(2))
    client = Client(one, 1, 5)
    one.loop.settle()
    assert one.model.calls == [], "no part was requested"
    client.step()
    assert (client.parts, len(one.model.calls)) == ([[2, 10]], 1)
    client.step()
    assert (client.parts, client.results) == ([[2, 10], [4, 20]], [])
    client.step()
    assert [type(result).__name__ for result in client.results] == ["InferResponse"]
    assert one.model.threads == {"modelyard-model"}


def test_a_generation_is_recorded_once_and_each_step_as_a_batch(rig: Make) -> None:
    one = rig(FakeGenerator(3))
    client = Client(one, 1, 2)
    assert one.scheduler.in_flight == 1
    for _ in range(4):
        client.step()
    assert [(outcome, rows) for outcome, rows, *_ in one.records] == [("OK", 2)]
    assert [rows for rows, _ in one.recorder.calls] == [2, 2, 2]
    assert one.scheduler.in_flight == 0


def test_a_generation_cancelled_during_a_step_ends_with_it_silently(rig: Make) -> None:
    one = rig(FakeGenerator(1000))
    client = Client(one, 1)
    client.step()
    one.model.entered()
    one.model.hold()
    client.generation.go_on()
    one.model.entered()
    client.generation.cancel()
    one.model.release()
    one.loop.turn_with_thread()
    client.generation.go_on()
    assert (client.parts, client.results, outcomes(one)) == ([[2]], [], ["Cancelled"])
    other = Client(one, 1)
    other.step()  # behind the end of the first in the worker
    assert one.model.ended == [2]


def test_a_generation_cancelled_while_it_waits_is_not_computed(rig: Make) -> None:
    one = rig(FakeGenerator())
    one.model.hold()
    first, second = Client(one, 1), Client(one, 2)
    first.generation.go_on()
    second.generation.go_on()
    second.generation.cancel()
    one.model.release()
    one.loop.turn_with_thread()
    first.step()
    assert (len(first.parts), second.parts, len(one.model.calls)) == (2, [], 2)


def test_the_timeout_applies_to_each_part(rig: Make) -> None:
    one = rig(FakeGenerator(100), timeout_s=10)
    client = Client(one, 1)
    for _ in range(5):
        one.loop.advance(9)
        client.step()
        one.model.entered()
    one.model.hold()
    client.generation.go_on()
    one.model.entered()
    one.loop.advance(10)
    assert [type(result).__name__ for result in client.results] == ["DeadlineExceeded"]
    one.model.release()
    one.loop.turn_with_thread()
    assert (len(client.parts), outcomes(one)) == (5, ["DeadlineExceeded"])


def test_a_shorter_timeout_of_the_client_applies(rig: Make) -> None:
    one = rig(FakeGenerator(), timeout_s=10)
    one.model.hold()
    client = Client(one, 1, timeout_s=2)
    client.generation.go_on()
    one.loop.advance(2)
    assert [type(result).__name__ for result in client.results] == ["DeadlineExceeded"]


def test_a_failure_ends_a_generation_after_its_earlier_parts(rig: Make) -> None:
    def once(inputs: Any) -> Any:
        if inputs["x"][0, 0] > 1:
            raise ValueError("internals")
        return {"y": inputs["x"]}

    one = rig(FakeGenerator(call=once))
    client = Client(one, 1)
    client.step()
    client.step()
    assert (client.parts, [type(result).__name__ for result in client.results]) == ([[1]], ["InferenceFailed"])
    assert "internals" not in str(client.results[0])
    assert outcomes(one) == ["InferenceFailed"]


def test_a_part_that_cannot_be_written_ends_the_generation(rig: Make) -> None:
    one = rig(FakeGenerator())
    client = Client(one, 1, unwritten=ValueError("no JSON"))
    client.step()
    assert outcomes(one) == ["InferenceFailed"]


def test_parts_of_another_number_of_rows_are_a_failure(rig: Make) -> None:
    one = rig(FakeGenerator(call=lambda inputs: {"y": inputs["x"][:1]}))
    client = Client(one, 1, 2)
    client.step()
    assert outcomes(one) == ["InferenceFailed"]


def test_open_generations_are_limited_by_the_queue_size(rig: Make) -> None:
    one = rig(FakeGenerator(), queue=1)
    first = Client(one, 1)
    with pytest.raises(Overloaded):
        Client(one, 2)
    first.generation.cancel()
    Client(one, 3)
    assert outcomes(one) == ["Overloaded", "Cancelled"]


def test_generations_and_batches_take_turns_on_one_thread(rig: Make) -> None:
    one = rig(FakeGenerator(2))
    first, second = Client(one, 1), Client(one, 10)
    first.generation.go_on()
    one.submit(7)
    second.generation.go_on()
    for _ in range(3):
        one.loop.turn_with_thread()
    first.step()
    assert (first.parts, second.parts, one.values(0)) == ([[2], [4]], [[20]], [14])
    assert one.model.threads == {"modelyard-model"}, "though calls are cheap: on the loop they could run during a step"


def test_a_step_that_hangs_is_reported(rig: Make) -> None:
    one = rig(FakeGenerator())
    one.model.hold()
    client = Client(one, 1)
    client.generation.go_on()
    one.model.entered()
    one.loop.advance(30)
    assert one.scheduler.stuck_s() == 30
    one.model.release()
    one.loop.turn_with_thread()
    assert one.scheduler.stuck_s() == 0


def test_closing_the_scheduler_ends_a_generation(rig: Make) -> None:
    one = rig(FakeGenerator())
    client = Client(one, 1)
    client.step()
    one.scheduler.close()
    assert [type(result).__name__ for result in client.results] == ["ModelNotReady"]
    with pytest.raises(ModelNotReady):
        Client(one, 2)


def test_the_last_result_has_the_time_in_the_queue_and_in_all_steps(rig: Make) -> None:
    clock = FakeClock()
    one = rig(FakeGenerator(2, clock=clock, seconds=lambda rows: 0.5), clock=clock)
    client = Client(one, 1)
    clock.advance(3)
    for _ in range(3):
        client.step()
    [result] = client.results
    assert isinstance(result, InferResponse)
    assert (result.outputs, result.queue_s, result.compute_s) == ({}, 3, 1)
    assert one.recorder.calls == [(1, 0.5), (1, 0.5)]


def test_a_step_is_attributed_to_its_request_while_it_runs(rig: Make) -> None:
    seen: list[int] = []

    def call(inputs: Any) -> Any:
        seen.append(len(CURRENT.batch))
        return {"y": inputs["x"]}

    one = rig(FakeGenerator(call=call))
    Client(one, 1).step()
    generations(one).worker.do(lambda: seen.append(len(CURRENT.batch)))
    wait_for_worker(one)
    assert seen == [1, 0]


def test_a_part_that_is_requested_twice_is_computed_once(rig: Make) -> None:
    one = rig(FakeGenerator())
    client = Client(one, 1)
    client.generation.go_on()
    client.generation.go_on()
    one.loop.turn_with_thread()
    assert (client.parts, len(one.model.calls)) == ([[2]], 1)


def test_steps_that_are_no_generator_are_closed_when_the_request_ends(rig: Make) -> None:
    class Steps:
        closed = 0

        def __iter__(self) -> "Steps":
            return self

        def __next__(self) -> Any:
            return {"y": np.ones((1, 1), np.float32)}

        def close(self) -> None:
            self.closed += 1

    steps = Steps()
    one = rig(FakeGenerator())
    one.model.generate = lambda inputs, outputs: steps  # type: ignore[attr-defined]
    client = Client(one, 1)
    client.step()
    assert steps.closed == 0
    client.generation.cancel()
    wait_for_worker(one)
    assert steps.closed == 1


@pytest.mark.parametrize(("error", "logged"), [(ValueError("internals"), True), (Overloaded("full"), False)])
def test_only_a_failure_of_the_model_itself_is_logged(
    rig: Make, caplog: pytest.LogCaptureFixture, error: Exception, logged: bool
) -> None:
    def call(inputs: Any) -> Any:
        raise error

    client = Client(rig(FakeGenerator(call=call)), 1)
    client.step()
    assert [type(result).__name__ for result in client.results] == ["InferenceFailed" if logged else "Overloaded"]
    assert ("the model failed while it generated" in caplog.text) is logged
