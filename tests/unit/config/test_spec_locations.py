"""The place of a value, by its location in pydantic's form."""

import pytest

from modelyard.config.source_text import Source, Span
from modelyard.config.tree import Mapping, Sequence, locate
from modelyard.config.yaml_parser import parse

SOURCE = Source("m.yaml", "name: m\ninputs: {age: FP64, at: }\nlabels:\n- a\n-\n")


@pytest.fixture
def root() -> Mapping:
    root = parse(SOURCE).root
    assert isinstance(root, Mapping)
    return root


def shown(span: Span) -> str:
    return SOURCE.lines[span.line][span.column : span.end_column]


def test_the_empty_location_is_the_whole_file(root):
    assert locate(root, ()) == (root, root.span)


def test_a_value_is_at_its_own_place_and_an_empty_one_at_its_key(root):
    assert shown(locate(root, ("name",))[1]) == "m"
    assert shown(locate(root, ("inputs", "age"))[1]) == "FP64"
    assert shown(locate(root, ("inputs", "at"))[1]) == "at"


def test_an_empty_item_is_at_the_place_of_its_list(root):
    whole = locate(root, ("labels",))[1]
    assert shown(locate(root, ("labels", 0))[1]) == "a"
    assert locate(root, ("labels", 1))[1] == whole


def test_an_index_of_a_mapping_is_the_entry_at_this_position(root):
    assert shown(locate(root, ("inputs", 0))[1]) == "FP64"
    assert shown(locate(root, ("inputs", 1))[1]) == "at"


def test_the_tag_of_a_union_is_skipped(root):
    assert locate(root, ("inputs", "(newest)", "age")) == locate(root, ("inputs", "age"))
    assert locate(root, ("labels", "(numbers)", 0)) == locate(root, ("labels", 0))


@pytest.mark.parametrize("index", [2, 3])
def test_an_index_after_the_end_is_at_the_place_of_the_list(root, index):
    inputs, labels = root.entries["inputs"], root.entries["labels"]
    assert isinstance(labels, Sequence)
    assert locate(root, ("inputs", index)) == (inputs, inputs.span)
    assert locate(root, ("labels", index)) == (labels, labels.span)


def test_a_value_of_several_lines_is_underlined_to_the_end_of_its_first_line():
    source = Source("m.yaml", "labels: [a,  \n  b]\n")
    root = parse(source).root
    assert isinstance(root, Mapping)
    problem = root.entries["labels"].span.diagnostic("wrong")
    assert (problem.line, problem.column, problem.length) == (1, 9, len("[a,"))
