"""The classification extension's strings."""

import numpy as np
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.classification import classify
from modelyard.tensors import Array
from tests.unit.protocols.samples import FIXED, IMAGE, IRIS


def test_each_row_has_its_largest_values_with_indices_and_labels() -> None:
    scores = np.array([[0.25, 0.5, 0.25], [1, 0, -3]], np.float32)
    assert classify("scores", scores, 2, IRIS).tolist() == [
        ["0.500000:1:versicolor", "0.250000:0:setosa"],
        ["1.000000:0:setosa", "0.000000:1:versicolor"],
    ]


def test_an_output_other_than_the_scores_has_no_labels() -> None:
    assert classify("embedding", np.array([[3, 7]]), 5, IMAGE).tolist() == [["7:1", "3:0"]]


def test_a_row_of_many_axes_is_flattened() -> None:
    assert classify("embedding", np.array([[[1, 2], [4, 3]]]), 1, IMAGE).tolist() == [["4:2"]]


def test_without_rows_there_is_one_list() -> None:
    assert classify("y", np.array([1.5, 2.5]), 3, FIXED).tolist() == ["2.500000:1", "1.500000:0"]


def test_large_unsigned_numbers_keep_their_order() -> None:
    assert classify("y", np.array([2, 2**63 - 1], np.uint64), 1, FIXED).tolist() == [f"{2**63 - 1}:1"]


def test_large_numbers_that_are_equal_as_floats_keep_their_order() -> None:
    values = np.array([2**62 - 1, -(2**63), 2**62 + 1, 2**62])
    assert [value.split(":")[1] for value in classify("y", values, 4, FIXED).tolist()] == ["2", "3", "0", "1"]


@pytest.mark.parametrize("array", [np.array([["a"]], object), np.array([[True]])])
def test_an_output_without_numbers_is_rejected(array: Array) -> None:
    with pytest.raises(InvalidRequest, match="output 'label' does not hold numbers"):
        classify("label", array, 1, IRIS)


def test_a_value_without_axes_is_one_list_and_a_list_of_values_is_a_row_for_each() -> None:
    assert classify("y", np.array(1.5), 3, IRIS).tolist() == ["1.500000:0"]
    assert classify("y", np.array([1.5, 2.5]), 3, IRIS).tolist() == [["1.500000:0"], ["2.500000:0"]]


def test_an_output_without_values_has_no_classes() -> None:
    assert classify("scores", np.empty((0, 3)), 2, IRIS).shape == (0, 0)
