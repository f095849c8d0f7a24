"""Suggestions for unknown names."""

import pytest

from modelyard.text.nearest_name import nearest


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("irs", ["iris", "digits"], "iris"),
        ("Iris", ["iris", "digits"], "iris"),
        ("sepal_lenght", ["sepal_width", "sepal_length"], "sepal_length"),
        ("zebra", ["iris", "digits"], None),
        ("iris", [], None),
        ("", ["iris"], None),
    ],
)
def test_the_nearest_name_is_found_if_one_is_near(name: str, known: list[str], expected: str | None) -> None:
    assert nearest(name, known) == expected


def test_a_very_long_name_is_not_compared() -> None:
    assert nearest("a" * 1_000_000, ["a" * 1_000_000]) is None
