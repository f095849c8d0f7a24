"""The name for "did you mean ...?"."""

from modelyard.text.nearest_name import MAX_KNOWN_NAMES, MAX_NAME_LENGTH, nearest


def test_the_most_similar_name_is_found():
    assert nearest("irs", ["shipping", "virus", "iris"]) == "iris"


def test_no_name_is_found_if_none_is_similar():
    assert nearest("iris", ["shipping"]) is None
    assert nearest("iris", []) is None


def test_a_name_is_compared_up_to_its_maximum_length():
    longest = "x" * MAX_NAME_LENGTH
    assert nearest(longest, [longest]) == longest
    assert nearest(longest + "x", [longest]) is None


def test_only_the_first_known_names_are_compared():
    others = [f"{number}" for number in range(MAX_KNOWN_NAMES - 1)]
    assert nearest("irs", [*others, "iris"]) == "iris"
    assert nearest("irs", ["0", *others, "iris"]) is None
