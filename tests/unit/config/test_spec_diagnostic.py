"""The form of an error: place, message, quoted line, underline, suggestion."""

import json

import pytest

from modelyard.config.diagnostic import Diagnostic, SpecError, sorted_diagnostics


def test_an_error_is_rendered_as_the_design_shows_it():
    error = Diagnostic(
        "serve_config/models/churn.yaml", 4, 1, "unknown key 'replcas'", "replcas: 2", 7, "did you mean 'replicas'?"
    )
    assert error.render() == (
        "serve_config/models/churn.yaml:4:1: error: unknown key 'replcas'\n"
        "    4 | replcas: 2\n"
        "      | ^^^^^^^ did you mean 'replicas'?"
    )


def test_an_error_of_a_whole_file_quotes_no_line():
    error = Diagnostic("server.yml", 0, 0, "this file is ignored", suggestion="its name must be server.yaml")
    assert error.render() == "server.yml: error: this file is ignored; its name must be server.yaml"


@pytest.mark.parametrize(
    ("line", "column", "length", "quoted", "underline"),
    [
        ("a: 'x'", 4, 3, "a: 'x'", "   ^^^"),
        ("a: x", 5, 1, "a: x", "    ^"),
        ("\ta: x", 2, 1, "\ta: x", "\t^"),
        ("模型: x", 5, 1, "模型: x", "      ^"),
        ("e\u0301: x", 5, 1, "e\u0301: x", "   ^"),
        ("a: \x1b[31m", 4, 5, "a: \ufffd[31m", "   ^^^^^"),
    ],
    ids=["plain", "at the end", "tabs stay", "wide characters", "combining characters", "escapes are harmless"],
)
def test_the_underline_is_below_the_error(line, column, length, quoted, underline):
    _, second, third = Diagnostic("f", 1, column, "wrong", line, length).render().splitlines()
    assert (second, third) == (f"    1 | {quoted}", f"      | {underline}")


@pytest.mark.parametrize(("column", "length"), [(1, 5000), (2500, 3), (4990, 11), (1, 1)])
def test_a_line_too_wide_to_read_is_shortened_around_its_fault(column, length):
    line = "x" * (column - 1) + "y" * length + "z" * (5000 - column - length + 1)
    _, quoted, underline = Diagnostic("f", 1, column, "wrong", line, length).render().splitlines()
    assert len(quoted) < 190
    start, end = underline.index("^"), underline.rindex("^")
    assert set(quoted[start : end + 1]) == {"y"}


@pytest.mark.parametrize(
    ("before", "fault", "after", "quoted"),
    [
        (60, 40, 60, "b" * 60 + "f" * 40 + "a" * 60),
        (53, 50, 58, "b" * 53 + "f" * 50 + "a" * 53 + "…"),
        (55, 53, 53, "…" + "b" * 53 + "f" * 53 + "a" * 53),
        (54, 53, 54, "…" + "b" * 53 + "f" * 53 + "a" * 53 + "…"),
        (1, 159, 1, "b" + "f" * 53 + "…"),
    ],
)
def test_each_part_of_a_long_line_is_shortened_to_a_third(before, fault, after, quoted):
    line = "b" * before + "f" * fault + "a" * after
    _, shown, _ = Diagnostic("f", 1, before + 1, "wrong", line, fault).render().splitlines()
    assert shown == f"    1 | {quoted}"


def test_json_holds_every_field():
    error = Diagnostic("f", 1, 2, "wrong", "ab", 1, "right")
    assert json.loads(json.dumps(error.as_json())) == {
        "path": "f",
        "line": 1,
        "column": 2,
        "message": "wrong",
        "source_line": "ab",
        "length": 1,
        "suggestion": "right",
        "severity": "error",
    }


def test_errors_are_ordered_by_place_and_reported_once():
    first, second, other = (Diagnostic("a", 2, 1, "x"), Diagnostic("a", 10, 1, "x"), Diagnostic("b", 1, 1, "x"))
    assert sorted_diagnostics([other, second, first, second]) == (first, second, other)


def test_a_spec_error_reads_as_its_diagnostics():
    error = SpecError((Diagnostic("a", 0, 0, "x"), Diagnostic("b", 0, 0, "y")))
    assert str(error) == "a: error: x\nb: error: y"
