"""The name for "did you mean ...?"."""

import pytest

from modelyard.text import nearest_name
from modelyard.text.nearest_name import MAX_COMPARED_NAMES, MAX_NAME_LENGTH, nearest


def test_the_most_similar_name_is_found():
    assert nearest("irs", ["shipping", "virus", "iris"]) == "iris"


def test_no_name_is_found_if_none_is_similar():
    assert nearest("iris", ["shipping"]) is None
    assert nearest("iris", []) is None


def test_a_name_is_compared_up_to_its_maximum_length():
    longest = "x" * MAX_NAME_LENGTH
    assert nearest(longest, [longest]) == longest
    assert nearest(longest + "x", [longest]) is None


def test_of_many_names_those_that_begin_or_end_alike_are_compared():
    many = [f"{number:04}-model-{number:04}" for number in range(1000)]
    assert nearest("0123-model-012", many) == "0123-model-0123"
    assert nearest("x0123-model-0123", many) == "0123-model-0123"
    assert nearest("0123-model-0123", many) == "0123-model-0123"
    assert nearest("9999-model", many) == "0999-model-0999"
    assert nearest("iris", many) is None


def test_a_fixed_number_of_names_is_compared(monkeypatch: pytest.MonkeyPatch):
    compared: list[int] = []
    monkeypatch.setattr(nearest_name, "get_close_matches", lambda _, names, __: compared.append(len(names)) or [])
    for count in (3, MAX_COMPARED_NAMES, MAX_COMPARED_NAMES + 1, 5000):
        nearest("model-07", [f"model-{number:04}" for number in range(count)])
    assert compared[:2] == [3, MAX_COMPARED_NAMES]
    assert max(compared) <= MAX_COMPARED_NAMES
