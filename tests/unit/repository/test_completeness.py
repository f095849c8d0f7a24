import pytest

from modelyard.repository.completeness import Completeness, completeness_of


@pytest.mark.parametrize(
    ("age_s", "settle_s", "marker", "expected"),
    [
        (5, 2, None, Completeness(0)),
        (2, 2, None, Completeness(0)),
        (0.5, 2, None, Completeness(1.5)),
        (0, 0, None, Completeness(0)),
        (-30, 0, None, Completeness(0)),
        (-0.5, 2, None, Completeness(2)),
        (500, 2, ".incomplete", Completeness(None, "it contains .incomplete")),
        (-3600, 2, None, Completeness(2, "its last change is 3600 s in the future: the clocks of two machines differ")),
    ],
)
def test_a_version_settles_with_age(age_s, settle_s, marker, expected):
    state = completeness_of(changed_s=10_000 - age_s, now_s=10_000, settle_s=settle_s, marker=marker)
    assert state == expected
    assert state.settled == (expected.wait_s == 0)
