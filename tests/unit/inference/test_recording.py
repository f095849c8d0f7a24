"""What is recorded of requests and batches."""

import pytest

from modelyard import errors
from modelyard.errors import InferenceFailed, ModelyardError, Overloaded
from modelyard.inference.recorder import CODES
from tests.fakes import FakeModel, request_of
from tests.unit.inference.rig import EXPENSIVE, Make, Records

ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ModelyardError) and kind is not ModelyardError
]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_a_code(kind: type[ModelyardError]) -> None:
    assert kind.__name__ in CODES


def test_a_request_is_recorded_with_its_total_time_after_its_response_is_written(rig: Make) -> None:
    one = rig()
    context = one.scheduler.open_requests.context(one.recorder, "id", 10)
    one.clock.advance(2)  # to read it

    def write(answer: object) -> None:
        one.clock.advance(3)

    one.scheduler.submit(request_of(1, 2), context, write)
    assert one.records == []
    one.loop.settle()
    assert [(outcome, rows) for outcome, rows, *_ in one.records] == [("OK", 2)]
    assert one.recorder.totals_s == [5]


def test_a_response_that_cannot_be_written_is_recorded_as_its_error(rig: Make) -> None:
    one = rig()
    one.scheduler.submit(request_of(1), one.context(), lambda answer: InferenceFailed("no such output"))
    one.loop.settle()
    assert [outcome for outcome, *_ in one.records] == ["InferenceFailed"]


def test_a_request_is_recorded_by_the_recorder_of_its_own_protocol(rig: Make) -> None:
    one, other = rig(queue=1), Records()
    context = one.scheduler.open_requests.context
    one.scheduler.submit(request_of(1), context(other), lambda answer: None)
    one.submit(2)
    one.loop.settle()
    assert [len(other.requests), len(one.records)] == [1, 1]


def test_a_batch_is_recorded_once(rig: Make) -> None:
    one = rig(FakeModel(), EXPENSIVE)
    one.submit_each(1, 2, 3)
    one.loop.settle()
    one.loop.turn_with_thread()
    assert [rows for rows, _ in one.recorder.calls] == [3]
    assert len(one.records) == 3


def test_queued_requests_are_counted_apart_from_running_ones(rig: Make) -> None:
    one = rig(FakeModel(), EXPENSIVE, queue=2)
    one.model.hold()
    one.submit(1)
    one.loop.settle()
    one.submit_each(2, 3)
    assert (one.scheduler.in_flight, one.scheduler.queued) == (3, 2)
    with pytest.raises(Overloaded):
        one.submit(4)
    one.model.release()
    one.loop.turn_with_thread()
    one.loop.turn_with_thread()
    assert (one.scheduler.in_flight, one.scheduler.queued) == (0, 0)
