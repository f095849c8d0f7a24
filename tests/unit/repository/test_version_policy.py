import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.config.versions_spec import LatestVersions
from modelyard.repository.version_policy import choose, missing

NUMBERS = st.sets(st.integers(1, 10**18 - 1), max_size=8)
POLICIES = st.one_of(
    st.just("latest"),
    st.just("all"),
    st.builds(LatestVersions, latest=st.integers(1, 10)),
    st.lists(st.integers(1, 12), min_size=1, max_size=5),
)


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        ("latest", (10,)),
        ("all", (10, 9, 3, 1)),
        (LatestVersions(latest=2), (10, 9)),
        (LatestVersions(latest=7), (10, 9, 3, 1)),
        ([1, 3], (3, 1)),
        ([3, 1, 3], (3, 1)),
        ([4], ()),
    ],
)
def test_the_policy_chooses_newest_first(policy, chosen):
    assert choose([3, 10, 1, 9], policy) == chosen


@pytest.mark.parametrize(
    ("policy", "named", "chosen"),
    [
        ("latest", {3}, (10, 3)),
        ("latest", {10}, (10,)),
        (LatestVersions(latest=2), {1, 3}, (10, 9, 3, 1)),
        ([9], {3}, (9, 3)),
        ("latest", {4}, (10,)),
    ],
)
def test_versions_that_are_named_are_served_whatever_the_policy_chooses(policy, named, chosen):
    assert choose([3, 10, 1, 9], policy, named) == chosen


def test_named_versions_that_are_missing_are_reported_with_the_listed_ones():
    assert missing([1, 3], "latest", {4, 3, 2}) == (4, 2)
    assert missing([1, 3], [5, 1], {4}) == (5, 4)


@pytest.mark.parametrize(("policy", "expected"), [([1, 4, 2], (4, 2)), ([1], ()), ("all", ()), ("latest", ())])
def test_listed_versions_that_are_missing_are_reported(policy, expected):
    assert missing([1, 3], policy) == expected


@given(NUMBERS | st.sets(st.integers(1, 12)), POLICIES)
def test_what_is_chosen_is_available_distinct_and_newest_first(available, policy):
    chosen = choose(available, policy)
    assert set(chosen) <= available
    assert list(chosen) == sorted(set(chosen), reverse=True)
    if available and not isinstance(policy, list):
        assert chosen[0] == max(available)


@given(st.sets(st.integers(1, 12)), st.lists(st.integers(1, 12), min_size=1))
def test_a_listed_version_is_either_chosen_or_missing(available, listed):
    assert sorted([*choose(available, listed), *missing(available, listed)]) == sorted(set(listed))
