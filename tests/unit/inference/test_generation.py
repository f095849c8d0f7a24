"""Answers in parts: asked for one by one, recorded once, and given up within a step."""

from typing import Any

import pytest

from modelyard.errors import ModelNotReady, ModelyardError, Overloaded
from modelyard.inference.generation import Generation, Generations
from modelyard.inference.pending_request import InferResponse
from tests.fakes import FakeGenerator, request_of
from tests.unit.inference.rig import Make, Rig


class Asked:
    """One generation of a rig, and what came of it."""

    def __init__(
        self, one: Rig, *values: float, unwritten: Exception | None = None, timeout_s: float | None = None
    ) -> None:
        self.parts: list[list[float]] = []
        self.results: list[InferResponse | ModelyardError] = []
        self._one = one
        self._unwritten = unwritten
        context = one.server.open_requests.context(one.recorder)
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
    assert one.server.generations is not None
    return one.server.generations


def outcomes(one: Rig) -> list[str]:
    return [outcome for outcome, *_ in one.records]


def test_each_part_is_computed_when_it_is_asked_for(rig: Make) -> None:
    one = rig(FakeGenerator(2))
    asked = Asked(one, 1, 5)
    one.loop.settle()
    assert one.model.calls == [], "nobody has asked"
    asked.step()
    assert (asked.parts, len(one.model.calls)) == ([[2, 10]], 1)
    asked.step()
    assert (asked.parts, asked.results) == ([[2, 10], [4, 20]], [])
    asked.step()
    assert [type(result).__name__ for result in asked.results] == ["InferResponse"]
    assert one.model.threads == {"modelyard-model"}


def test_it_is_recorded_once_however_many_parts_it_has_and_each_step_is_a_call(rig: Make) -> None:
    one = rig(FakeGenerator(3))
    asked = Asked(one, 1, 2)
    assert one.server.in_flight == 1
    for _ in range(4):
        asked.step()
    assert [(outcome, rows) for outcome, rows, *_ in one.records] == [("OK", 2)]
    assert [rows for rows, _ in one.recorder.calls] == [2, 2, 2]
    assert one.server.in_flight == 0


def test_one_that_is_cancelled_in_a_step_ends_with_it_and_tells_nobody(rig: Make) -> None:
    one = rig(FakeGenerator(1000))
    asked = Asked(one, 1)
    asked.step()
    one.model.entered()
    one.model.hold()
    asked.generation.go_on()
    one.model.entered()
    asked.generation.cancel()
    one.model.release()
    one.loop.turn_with_thread()
    asked.generation.go_on()
    assert (asked.parts, asked.results, outcomes(one)) == ([[2]], [], ["Cancelled"])
    other = Asked(one, 1)
    other.step()  # behind the end of the first in the worker
    assert one.model.ended == [2]


def test_one_that_is_cancelled_while_it_waits_for_the_model_is_not_computed(rig: Make) -> None:
    one = rig(FakeGenerator())
    one.model.hold()
    first, second = Asked(one, 1), Asked(one, 2)
    first.generation.go_on()
    second.generation.go_on()
    second.generation.cancel()
    one.model.release()
    one.loop.turn_with_thread()
    first.step()
    assert (len(first.parts), second.parts, len(one.model.calls)) == (2, [], 2)


def test_the_time_out_holds_for_each_part_and_not_for_all(rig: Make) -> None:
    one = rig(FakeGenerator(100), timeout_s=10)
    asked = Asked(one, 1)
    for _ in range(5):
        one.loop.advance(9)
        asked.step()
        one.model.entered()
    one.model.hold()
    asked.generation.go_on()
    one.model.entered()
    one.loop.advance(10)
    assert [type(result).__name__ for result in asked.results] == ["DeadlineExceeded"]
    one.model.release()
    one.loop.turn_with_thread()
    assert (len(asked.parts), outcomes(one)) == (5, ["DeadlineExceeded"])


def test_a_clients_own_time_out_holds_where_it_is_shorter(rig: Make) -> None:
    one = rig(FakeGenerator(), timeout_s=10)
    one.model.hold()
    asked = Asked(one, 1, timeout_s=2)
    asked.generation.go_on()
    one.loop.advance(2)
    assert [type(result).__name__ for result in asked.results] == ["DeadlineExceeded"]


def test_a_failure_ends_it_behind_the_parts_that_came(rig: Make) -> None:
    def once(inputs: Any) -> Any:
        if inputs["x"][0, 0] > 1:
            raise ValueError("internals")
        return {"y": inputs["x"]}

    one = rig(FakeGenerator(call=once))
    asked = Asked(one, 1)
    asked.step()
    asked.step()
    assert (asked.parts, [type(result).__name__ for result in asked.results]) == ([[1]], ["InferenceFailed"])
    assert "internals" not in str(asked.results[0])
    assert outcomes(one) == ["InferenceFailed"]


def test_a_part_that_cannot_be_written_ends_it(rig: Make) -> None:
    one = rig(FakeGenerator())
    asked = Asked(one, 1, unwritten=ValueError("no JSON"))
    asked.step()
    assert outcomes(one) == ["InferenceFailed"]


def test_parts_of_another_number_of_rows_are_a_failure(rig: Make) -> None:
    one = rig(FakeGenerator(call=lambda inputs: {"y": inputs["x"][:1]}))
    asked = Asked(one, 1, 2)
    asked.step()
    assert outcomes(one) == ["InferenceFailed"]


def test_as_many_are_open_as_the_queue_holds(rig: Make) -> None:
    one = rig(FakeGenerator(), queue=1)
    first = Asked(one, 1)
    with pytest.raises(Overloaded):
        Asked(one, 2)
    first.generation.cancel()
    Asked(one, 3)
    assert outcomes(one) == ["Overloaded", "Cancelled"]


def test_requests_take_turns_with_each_other_and_with_whole_ones_on_one_thread(rig: Make) -> None:
    one = rig(FakeGenerator(2))
    first, second = Asked(one, 1), Asked(one, 10)
    first.generation.go_on()
    one.submit(7)
    second.generation.go_on()
    for _ in range(3):
        one.loop.turn_with_thread()
    first.step()
    assert (first.parts, second.parts, one.values(0)) == ([[2], [4]], [[20]], [14])
    assert one.model.threads == {"modelyard-model"}, "though calls are cheap: the loop would meet a step"


def test_a_step_that_hangs_is_told_of(rig: Make) -> None:
    one = rig(FakeGenerator())
    one.model.hold()
    asked = Asked(one, 1)
    asked.generation.go_on()
    one.model.entered()
    one.loop.advance(30)
    assert one.server.stuck_s() == 30
    one.model.release()
    one.loop.turn_with_thread()
    assert one.server.stuck_s() == 0


def test_the_end_of_the_server_ends_it(rig: Make) -> None:
    one = rig(FakeGenerator())
    asked = Asked(one, 1)
    asked.step()
    one.server.close()
    assert [type(result).__name__ for result in asked.results] == ["ModelNotReady"]
    with pytest.raises(ModelNotReady):
        Asked(one, 2)
