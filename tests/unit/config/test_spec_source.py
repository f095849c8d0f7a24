"""Decoding files, and what is rejected before parsing."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.config.diagnostic import SpecError
from modelyard.config.source_text import MAX_FILE_BYTES, Source, decode, read
from modelyard.config.tree import shortened


def refused(content: bytes) -> tuple[str, str, str]:
    with pytest.raises(SpecError) as caught:
        decode("f", content)
    (problem,) = caught.value.diagnostics
    return f"{problem.line}:{problem.column}", problem.message, problem.suggestion


def test_a_byte_order_mark_is_passed_over():
    assert decode("f", b"\xef\xbb\xbfa: 1").text == "a: 1"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_named(codec):
    content = ("\ufeff" + "a: 1").encode(codec)
    assert refused(content) == ("0:0", "written as UTF-16", "save it as UTF-8")


def test_a_byte_that_is_not_utf_8_is_pointed_at():
    assert refused("a: é\nb: é".encode() + b"\xff") == ("2:5", "not UTF-8: byte 0xff", "save the file as UTF-8")


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\uffff"])
def test_a_character_that_yaml_forbids_is_pointed_at(char):
    place, message, _ = refused(f"a: 1\nb: x{char}y".encode())
    assert (place, message) == ("2:5", f"character U+{ord(char):04X} is not allowed here")


def test_a_file_may_be_as_large_as_the_bound_and_no_larger():
    assert decode("f", b"#" * MAX_FILE_BYTES).text
    assert refused(b"#" * (MAX_FILE_BYTES + 1)) == ("0:0", "larger than 1 MiB", "")


def test_a_named_pipe_is_rejected_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "m.yaml")
    with pytest.raises(SpecError, match="not a regular file"):
        read(tmp_path / "m.yaml")


@given(content=st.binary(max_size=60))
def test_any_bytes_are_text_or_a_spec_error(content):
    try:
        decode("f", content)
    except SpecError as error:
        assert str(error)


def test_a_value_is_quoted_whole_up_to_forty_characters():
    assert shortened("x" * 40) == "x" * 40
    assert shortened("x" * 41) == "x" * 40 + "…"


def test_a_file_is_read_whole_up_to_its_maximum_size(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"#" * MAX_FILE_BYTES)
    assert len(read(path).text) == MAX_FILE_BYTES
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(SpecError, match="larger than 1 MiB"):
        read(path)


def test_a_file_that_cannot_be_read_is_an_error_of_the_whole_file(tmp_path):
    with pytest.raises(SpecError) as caught:
        read(tmp_path / ("x" * 300))
    (problem,) = caught.value.diagnostics
    assert (problem.line, problem.column, problem.message) == (0, 0, "cannot be read: File name too long")


def test_a_character_that_is_not_allowed_has_its_escape_as_a_suggestion():
    assert refused(b"a: \x07") == (
        "1:4",
        "character U+0007 is not allowed here",
        'in double quotes, write it as "\\u0007"',
    )


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("a: 1\nb\n", (2, 0), (2, 1)),
        ("a: 1\nbc  \n\n", (3, 0), (2, 2)),
        ("a: 1\nb", (5, 0), (2, 1)),
        ("a: 1\n\nb", (1, 0), (2, 1)),
        ("a: 1\n\nb\n", (1, 0), (2, 1)),
        ("a\n", (1, 0), (1, 1)),
        ("\n\n", (5, 0), (1, 1)),
        ("", (0, 0), (1, 1)),
    ],
)
def test_a_place_after_the_end_becomes_the_last_character(text, place, shown):
    problem = Source("f.yaml", text).diagnostic(*place, "wrong")
    assert (problem.line, problem.column) == shown
    assert problem.length == 1
