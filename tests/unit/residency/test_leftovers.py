"""When the memory that released models have left behind is collected."""

from modelyard.residency.leftovers import Leftovers
from tests.fakes import FakeClock

MB = 2**20


def test_a_collection_is_due_above_the_larger_one_of_32_mib_and_a_share_of_the_budget() -> None:
    for budget, limit in ((64 * MB, 32 * MB), (1000 * MB, 50 * MB)):
        leftovers = Leftovers(budget, FakeClock())
        assert not leftovers.is_due(100 * MB, exact=True)
        assert not leftovers.is_due(100 * MB + limit, exact=True)
        assert leftovers.is_due(100 * MB + limit + 1, exact=True)


def test_collections_take_a_twentieth_of_the_time_at_most() -> None:
    clock = FakeClock()
    leftovers = Leftovers(64 * MB, clock)
    leftovers.is_due(0, exact=True)
    assert leftovers.is_due(40 * MB, exact=True)
    assert not leftovers.is_due(80 * MB, exact=True), "one is under way"
    leftovers.collected(0, 0.5)
    clock.advance(9.9)
    assert not leftovers.is_due(80 * MB, exact=True)
    clock.advance(0.2)
    assert leftovers.is_due(80 * MB, exact=True)


def test_what_a_collection_does_not_free_is_not_collected_again() -> None:
    leftovers = Leftovers(64 * MB, FakeClock())
    leftovers.is_due(0, exact=True)
    assert leftovers.is_due(40 * MB, exact=True)
    leftovers.collected(40 * MB, 0.0)
    assert not leftovers.is_due(70 * MB, exact=True)
    assert leftovers.is_due(73 * MB, exact=True)


def test_the_room_of_a_model_that_loads_does_not_count_as_memory_that_was_freed() -> None:
    leftovers = Leftovers(64 * MB, FakeClock())
    leftovers.is_due(50 * MB, exact=True)
    leftovers.is_due(10 * MB, exact=False)
    assert not leftovers.is_due(60 * MB, exact=True)
