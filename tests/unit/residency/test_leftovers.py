"""When the memory that released models have left behind is collected."""

from math import inf

import pytest

from modelyard.residency.leftovers import Leftovers
from tests.fakes import FakeClock

MB = 2**20


def after_first_use(budget: int = 64 * MB, outside: int = 0, clock: FakeClock | None = None) -> Leftovers:
    leftovers = Leftovers(budget, clock or FakeClock())
    assert leftovers.due_in_s(outside, exact=True) == inf
    return leftovers


@pytest.mark.parametrize(("budget", "limit"), [(64 * MB, 32 * MB), (1000 * MB, 50 * MB)])
def test_a_collection_is_due_above_the_larger_one_of_32_mib_and_a_share_of_the_budget(budget: int, limit: int) -> None:
    leftovers = after_first_use(budget, 100 * MB)
    assert leftovers.due_in_s(100 * MB + limit, exact=True) == inf
    assert leftovers.due_in_s(100 * MB + limit + 1, exact=True) == 0


def test_collections_take_a_twentieth_of_the_time_unless_much_is_left() -> None:
    clock = FakeClock()
    leftovers = after_first_use(clock=clock)
    assert leftovers.due_in_s(40 * MB, exact=True) == 0
    assert leftovers.due_in_s(200 * MB, exact=True) == inf, "one is under way"
    leftovers.collected(0, 0.5)
    clock.advance(2.0)
    assert leftovers.due_in_s(40 * MB, exact=True) == pytest.approx(8.0)
    assert leftovers.due_in_s(129 * MB, exact=True) == 0
    leftovers.collected(0, 0.5)
    clock.advance(10.0)
    assert leftovers.due_in_s(40 * MB, exact=True) == 0


def test_what_a_collection_does_not_free_is_not_collected_again() -> None:
    leftovers = after_first_use()
    assert leftovers.due_in_s(40 * MB, exact=True) == 0
    leftovers.collected(40 * MB, 0.0)
    assert leftovers.due_in_s(70 * MB, exact=True) == inf
    assert leftovers.due_in_s(73 * MB, exact=True) == 0


def test_the_room_of_a_model_that_loads_does_not_count_as_memory_that_was_freed() -> None:
    leftovers = after_first_use(outside=50 * MB)
    leftovers.due_in_s(10 * MB, exact=False)
    assert leftovers.due_in_s(60 * MB, exact=True) == inf
