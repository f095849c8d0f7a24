"""The error for all bad values of a request: what it lists, counts and suggests."""

import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.values.bad_values import BadValues


def error_of(bad: BadValues) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as raised:
        bad.raise_if_any()
    return raised.value


@pytest.mark.parametrize(("count", "ending"), [(100, "(and 99 more)"), (101, "(and 100 more, of which 99 are listed)")])
def test_a_hundred_bad_values_are_listed(count: int, ending: str) -> None:
    bad = BadValues()
    for index in range(count):
        bad.add(f"/{index}", "bad")
    error = error_of(bad)
    assert len(error.bad_values) == 100
    assert error.message.endswith(ending)


def test_the_first_ten_unknown_names_get_a_suggestion() -> None:
    bad = BadValues()
    for index in range(12):
        bad.add_unknown(f"/{index}", "column", "hieght", ["height"])
    suggested = ["did you mean" in each.message for each in error_of(bad).bad_values]
    assert suggested == [True] * 10 + [False] * 2


def test_nothing_is_raised_without_a_bad_value() -> None:
    BadValues().raise_if_any()
