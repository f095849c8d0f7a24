import pytest

from modelyard.repository.completeness import Settling, settling


@pytest.mark.parametrize(
    ("age_s", "settle_s", "marker", "expected"),
    [
        (5, 2, None, Settling(0)),
        (2, 2, None, Settling(0)),
        (0.5, 2, None, Settling(1.5)),
        (0, 0, None, Settling(0)),
        (-30, 0, None, Settling(0)),
        (-0.5, 2, None, Settling(2)),
        (500, 2, ".incomplete", Settling(None, ".incomplete stands in it")),
        (-3600, 2, None, Settling(2, "its last change is 3600 s in the future: the clocks of two machines differ")),
    ],
)
def test_a_version_settles_with_age(age_s, settle_s, marker, expected):
    state = settling(changed_s=10_000 - age_s, now_s=10_000, settle_s=settle_s, marker=marker)
    assert state == expected
    assert state.settled == (expected.wait_s == 0)
