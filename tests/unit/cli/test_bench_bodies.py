"""The bodies of a load: from an example or a file, with varying rows."""

import json
from typing import Any

import pytest

from modelyard.cli.bench import bodies as module
from modelyard.cli.bench.bodies import MAX_BODIES, Bodies, read_bodies


def decoded(found: list[bytes]) -> list[Any]:
    return [json.loads(body) for body in found]


def test_bodies_of_one_row_have_every_row_of_the_example():
    found = Bodies([{"instances": [1, 2, 3]}], "x").of_rows(1)
    assert sorted(body["instances"] for body in decoded(found)) == [[1], [2], [3]]


def test_larger_bodies_repeat_the_rows_and_begin_at_different_ones():
    found = decoded(Bodies([{"instances": [1, 2, 3]}], "x").of_rows(4))
    assert {len(body["instances"]) for body in found} == {4}
    assert {body["instances"][0] for body in found} == {1, 2, 3}
    assert found[0]["instances"] == [1, 2, 3, 1]


def test_rows_of_several_bodies_are_combined_and_other_keys_stay():
    given = [{"instances": ["a"], "outputs": ["y"]}, {"instances": ["b"], "outputs": ["y"]}]
    found = decoded(Bodies(given, "x").of_rows(2))
    assert found == [{"instances": ["a", "b"], "outputs": ["y"]}, {"instances": ["b", "a"], "outputs": ["y"]}]


def test_without_a_number_of_rows_bodies_are_sent_as_they_are():
    given = [{"inputs": {"x": [1]}}, {"instances": [2]}]
    assert decoded(Bodies(given, "x").of_rows(None)) == given


@pytest.mark.parametrize(
    "documents",
    [
        [{"inputs": {"x": [1]}}],
        [{"instances": []}],
        [{"instances": [1]}, {"inputs": [1]}],
        [{"instances": [1], "outputs": ["a"]}, {"instances": [1], "outputs": ["b"]}],
    ],
)
def test_bodies_that_do_not_consist_of_rows_cannot_be_resized(documents: list[dict[str, Any]]):
    assert Bodies(documents, "x").rows is None
    with pytest.raises(ValueError, match="instances"):
        Bodies(documents, "x").of_rows(2)


def test_there_are_at_most_as_many_bodies_as_allowed():
    assert len(Bodies([{"instances": [*range(1000)]}], "x").of_rows(1)) == MAX_BODIES
    assert len(Bodies([{"inputs": [n]} for n in range(1000)], "x").of_rows(None)) == MAX_BODIES


def test_large_bodies_are_fewer():
    half = "x" * (module.MAX_BYTES // 2)
    assert len(Bodies([{"inputs": half} for _ in range(4)], "x").of_rows(None)) == 1


def test_a_file_has_one_document_or_one_on_each_line():
    assert read_bodies('{"instances":\n [1]}\n', "f.json").documents == [{"instances": [1]}]
    lines = read_bodies('{"instances": [1]}\n\n{"instances": [2]}\n', "f.jsonl")
    assert lines.documents == [{"instances": [1]}, {"instances": [2]}]
    assert lines.described() == "f.jsonl: 2 different rows"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.json is not JSON"),
        ("{", "f.json is not JSON"),
        ('{"a": 1}\n{"b": }', "f.json:2 is not JSON"),
        ("[1]", "must have the bodies of predict requests"),
        ('{"a": 1}\n3', "must have the bodies of predict requests"),
    ],
)
def test_an_invalid_file_is_rejected_with_its_line(text: str, message: str):
    with pytest.raises(ValueError, match=message):
        read_bodies(text, "f.json")


def test_text_is_sent_as_utf8():
    assert Bodies([{"instances": ["ü"]}], "x").of_rows(1) == ['{"instances":["ü"]}'.encode()]
