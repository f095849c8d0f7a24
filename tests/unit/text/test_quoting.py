"""Names and values from outside in messages."""

import pytest

from modelyard.text.quoting import MAX_QUOTED_CHARS, described, escaped, quoted, shortened


def test_a_text_is_truncated_only_if_it_is_too_long():
    longest = "x" * MAX_QUOTED_CHARS
    assert shortened(longest) == longest
    assert shortened(longest + "y") == longest + "…"


def test_a_name_is_escaped_for_a_json_pointer():
    assert escaped("a/b~c") == "a~1b~0c"
    assert escaped("~1") == "~01"
    assert escaped("x" * 70) == "x" * 60 + "…"


def test_a_quoted_name_is_a_json_string():
    assert quoted('5" disk\n') == '"5\\" disk\\n"'
    assert quoted("x" * 70) == '"' + "x" * 60 + '…"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", 'the string "a"'),
        ([1, 2], "a list of 2"),
        ({"a": 1}, "an object"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "the number 0"),
        (1.5, "the number 1.5"),
    ],
)
def test_a_value_is_described_by_its_type_and_by_itself_if_it_is_short(value, text):
    assert described(value) == text
