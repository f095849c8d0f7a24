"""Parsing text into a tree with places, with libyaml's parser and with the pure Python one."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelyard.config.source_text import Source
from modelyard.config.tree import Document, Mapping, plain
from modelyard.config.yaml_parser import MAX_ALIAS_VALUES, MAX_DEPTH, parse

LOADERS = [pytest.param(yaml.CSafeLoader, id="libyaml"), pytest.param(yaml.SafeLoader, id="pure")]
pytestmark = pytest.mark.parametrize("loader", LOADERS)


def read(text: str, loader: Any) -> Document:
    return parse(Source("f.yaml", text), loader=loader)


def reported(text: str, loader: Any) -> list[str]:
    return [f"{p.line}:{p.column}+{p.length} {p.message}" for p in read(text, loader).problems]


def values(text: str, loader: Any) -> Any:
    document = read(text, loader)
    assert document.problems == []
    return None if document.root is None else plain(document.root)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("# only a comment\n", None),
        ("---\na: 1\n...\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1\n", {"a": 1}),
        ("a: on\nb: 'on'\nc: \"1\"\nd: 1\n", {"a": "on", "b": "on", "c": "1", "d": 1}),
        ("a: |\n  1\n", {"a": "1\n"}),
        ("on: 1\n1: 2\nnull: 3\n012: 4\n1e999: 5\n", {"on": 1, "1": 2, "null": 3, "012": 4, "1e999": 5}),
        ("a: [1, {b: ~}]\nc:\n- x\n- - y\n", {"a": [1, {"b": None}], "c": ["x", ["y"]]}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x b\n*x : c\n", {"a": "b", "b": "c"}),
        ("&x a: *x\n", {"a": "a"}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("? a\n: 1\n", {"a": 1}),
        ("a: é\r\nb: 模\r\n", {"a": "é", "b": "模"}),
    ],
)
def test_yaml_is_read(text, expected, loader):
    assert values(text, loader) == expected


def test_every_key_and_value_has_its_place(loader):
    root = read("é: 1\nb:\n  - x\n  - {c: 'dé', e: }\n", loader).root
    assert isinstance(root, Mapping)
    item: Any = root.entries["b"]
    places = {
        "é": root.keys["é"],
        "1": root.entries["é"].span,
        "x": item.items[0].span,
        "c": item.items[1].keys["c"],
        "'dé'": item.items[1].entries["c"].span,
    }
    lines = root.span.source.lines
    assert {text: lines[at.line][at.column : at.end_column] for text, at in places.items()} == {t: t for t in places}
    assert item.items[1].entries["e"].span.is_empty


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3:1+1 duplicate key 'a'"]),
        ("a: {b: 1, b: 2}\nc: 1\nc: 2", ["1:11+1 duplicate key 'b'", "3:1+1 duplicate key 'c'"]),
        ("a: !!int 3", ["1:4+7 tags such as !!int are not supported"]),
        ("a: !x [1]", ["1:4+4 tags such as !x are not supported"]),
        ("? [a]\n: 1", ["1:3+1 a key must be plain text"]),
        ("a: *x", ["1:4+2 the anchor 'x' is not defined above"]),
        ("a: &x [*x]", ["1:8+2 the anchor 'x' contains itself"]),
        ("a: 1\n---\nb: 1\n", ["2:1+3 a second document starts here"]),
        ("a: 1\n---\n", ["2:1+3 a second document starts here"]),
        ("a: 99999999999999999999", ["1:4+20 this number has more than 64 bits"]),
    ],
)
def test_unsupported_yaml_is_rejected_at_its_place(text, expected, loader):
    assert reported(text, loader) == expected


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\n\tb: 2", "2:1", "a tab in the indentation"),
        ("a:\n  \tb: 2", "2:3", "a tab in the indentation"),
        ("a:\n\t  \tb: 2", "2:1", "a tab in the indentation"),
        ("a: 'x\nb: 1\n", "1:4", "this quote is never closed"),
        ("a: 1\nb: [1, 2\nc: 3\n", "2:4", "this '[' is never closed, or a ',' is missing after it"),
        ("a: {b: 1\n", "1:4", "this '{' is never closed, or a ',' is missing after it"),
        ("a: b: c", "1:5", "a second ':' on this line, or the wrong indentation"),
        ("a: 1\nb\n", "2:1", "expected 'key: value'"),
        ("a: 1\nb\n\nc: 2\nd: 3\n", "2:1", "expected 'key: value'"),
        ("a:\n  b: 1\n c: 2\n", "3:2", "expected a key; is the indentation right?"),
        ("@a: 1", "1:1", "an unquoted text cannot start with this character"),
        ("%YAML 3.0\n---\na: 1", "1:1", "this file declares an unsupported version of YAML"),
        ("a: {b: ${X}}", "1:9", "inside { } or [ ], ${NAME} must be quoted"),
        ("a: [1, ${X:-2}]", "1:9", "inside { } or [ ], ${NAME} must be quoted"),
    ],
)
def test_a_syntax_error_is_reported_in_plain_words_at_its_place(text, place, message, loader):
    document = read(text, loader)
    assert document.root is None
    assert [(f"{p.line}:{p.column}", p.message) for p in document.problems] == [(place, message)]


def test_a_bomb_of_aliases_is_rejected_before_it_grows(loader):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert [p.split(" ", 1)[1] for p in reported("\n".join(levels), loader)] == [
        f"aliases repeat more than {MAX_ALIAS_VALUES} values"
    ]


@pytest.mark.parametrize(("times", "fits"), [(100, True), (101, False)])
def test_aliases_may_repeat_ten_thousand_values(times, fits, loader):
    text = f"a: &a [{', '.join(['x'] * 99)}]\nb: [{', '.join(['*a'] * times)}]"
    assert (reported(text, loader) == []) is fits


@pytest.mark.parametrize(("rest", "fits"), [(9, True), (10, False)])
def test_an_alias_counts_the_values_of_the_aliases_in_its_anchor(rest, fits, loader):
    hundred = f"a: &a [{', '.join(['x'] * 99)}]\nz: *a\ns: &s x\n"
    thousand_less_one = f"b: &b [{', '.join([*['x'] * 98, *['*a'] * 9])}]\n"
    text = f"{hundred}{thousand_less_one}c: [{', '.join(['*b'] * 9 + ['*s'] * rest)}]\n"
    assert (reported(text, loader) == []) is fits


def test_an_alias_adds_only_the_depth_below_its_anchor(loader):
    deep = "[" * 40 + "&a [1]" + "]" * 40
    assert values(f"a: {deep}\nb: {'[' * 40}*a{']' * 40}", loader)


def test_depth_is_bounded(loader):
    assert values("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH, loader)
    assert [p.split(" ", 1)[1] for p in reported("[" * (MAX_DEPTH + 2), loader)] == [
        f"nested more than {MAX_DEPTH} levels deep"
    ]


def test_a_text_of_nothing_but_brackets_does_not_exhaust_the_stack(loader):
    (problem,) = reported("[" * 100_000, loader)
    assert "nested" in problem


def test_depth_is_bounded_through_aliases(loader):
    half = MAX_DEPTH // 2 + 1
    levels = f"a: &a {'[' * half}1{']' * half}\nb: {'[' * half}*a{']' * half}\n"
    assert [p.split(" ", 1)[1] for p in reported(levels, loader)] == [f"nested more than {MAX_DEPTH} levels deep"]


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\Uffffffff", "\\q"])
def test_an_escape_of_half_a_character_is_rejected(escape, loader):
    assert len(reported(f'a: "{escape}"', loader)) == 1


@given(text=st.text(st.sampled_from("ab01:-?*&!|>'\"%@`#{}[],~$\\ \t\n\u00e9\u6a21\U0001f600xuU"), max_size=40))
def test_any_text_gives_a_tree_or_errors(text, loader):
    document = read(text, loader)
    for problem in document.problems:
        assert problem.render()
    if document.root is not None:
        plain(document.root)


def test_a_reference_in_a_flow_mapping_has_a_suggestion(loader):
    (problem,) = read("a: {b: ${X}}", loader).problems
    assert problem.suggestion == "write the section on separate lines"


def test_a_missing_space_is_not_suggested_for_another_mistake_in_the_line(loader):
    (problem,) = read('a: "\n  http:b \\q"', loader).problems
    assert problem.message == "a backslash in double quotes starts an escape sequence"


def test_a_duplicate_key_names_the_line_of_the_first(loader):
    (problem,) = read("b: 2\na: 1\na: 3\n", loader).problems
    assert (problem.line, problem.suggestion) == (3, "it is already on line 2")


@pytest.mark.parametrize(("levels", "fits"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_each_mapping_is_one_level_deeper(levels, fits, loader):
    assert (reported("{a: " * levels + "1" + "}" * levels, loader) == []) is fits


@pytest.mark.parametrize(
    ("levels", "message"), [(MAX_DEPTH - 1, "a key must be plain text"), (MAX_DEPTH, "nested more")]
)
def test_a_key_is_one_level_deeper_than_its_mapping(levels, message, loader):
    (problem,) = read(f"? {'[' * levels}1{']' * levels}\n: 2\n", loader).problems
    assert problem.message.startswith(message)
