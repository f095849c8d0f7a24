"""The moments at which a version becomes complete, and from which a clock is reported."""

import pytest

from modelyard.repository.completeness import Completeness, completeness_of

NOW_S, SETTLE_S = 1000.0, 5.0


def judged(age_s: float, settle_s: float = SETTLE_S) -> Completeness:
    return completeness_of(changed_s=NOW_S - age_s, now_s=NOW_S, settle_s=settle_s, marker=None)


@pytest.mark.parametrize(
    ("age_s", "wait_s"), [(6.0, 0), (5.0, 0), (4.75, 0.25), (0.5, 4.5), (0.0, 5.0), (-0.5, 5.0), (-1.0, 5.0)]
)
def test_a_version_is_complete_when_it_has_not_changed_for_the_settle_time(age_s: float, wait_s: float):
    assert judged(age_s) == Completeness(wait_s)
    assert judged(age_s).settled is (wait_s == 0)


@pytest.mark.parametrize("age_s", [-1.25, -60.0])
def test_a_change_more_than_a_second_in_the_future_is_reported(age_s: float):
    found = judged(age_s)
    assert found.wait_s == SETTLE_S
    assert found.problem == f"its last change is {-age_s:.0f} s in the future: the clocks of two machines differ"


@pytest.mark.parametrize("age_s", [5.0, 0.0, -60.0])
def test_a_version_that_is_renamed_into_place_is_complete_at_once(age_s: float):
    assert judged(age_s, settle_s=0) == Completeness(0)
