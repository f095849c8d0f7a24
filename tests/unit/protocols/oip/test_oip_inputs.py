"""A request's tensors are held against the model's signature, whichever form of the protocol they came in."""

from collections.abc import Sequence

import numpy as np
import pytest

from deployments.errors import InvalidRequest
from deployments.protocols.oip.inputs import ModelInputs
from deployments.tensors import FREE, Array, Signature
from tests.unit.protocols.samples import FIXED, IRIS, MIXED, TEXT, WHOLE, one


def array(*shape: int) -> Array:
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("signature", "name", "datatype", "shape"),
    [
        (IRIS, "X", "FP32", [3, 4]),
        (IRIS, "X", "BF16", [3, 4]),
        (TEXT, "text", "BYTES", (7,)),
        (FIXED, "x", "FP32", [2, 3]),
        (WHOLE, "scale", "FP32", []),
    ],
)
def test_a_tensor_that_fits_is_taken(signature: Signature, name: str, datatype: str, shape: Sequence[int]) -> None:
    ModelInputs(signature).check(name, datatype, shape)


@pytest.mark.parametrize(
    ("signature", "name", "datatype", "shape", "message"),
    [
        (IRIS, "x", "FP32", [1, 4], "unknown input 'x'; the model has 'X'"),
        (MIXED, "numbrs", "FP64", [1, 2], "unknown input 'numbrs'; did you mean 'numbers'?"),
        (IRIS, "y" * 200, "FP32", [1, 4], "unknown input '" + "y" * 60 + "…'"),
        (IRIS, "X", "FP64", [1, 4], "input 'X': expected FP32, got FP64"),
        (one("FP64"), "x", "BF16", [1], "input 'x': expected FP64, got BF16"),
        (IRIS, "X", "FLOAT", [1, 4], "input 'X': unknown datatype 'FLOAT'; there are BOOL, INT8"),
        (IRIS, "X", "FP32", [1, 3], "input 'X': expected shape [-1, 4], got [1, 3]"),
        (IRIS, "X", "FP32", [4], "input 'X': expected shape [-1, 4], got [4]"),
        (IRIS, "X", "FP32", [-1, 4], "got [-1, 4]; no axis of a request is negative"),
        (IRIS, "X", "FP32", [1] * 40, "got [" + "1, " * 32 + "...]"),
        (WHOLE, "scale", "FP32", [1], "input 'scale': expected shape [], got [1]"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(
    signature: Signature, name: str, datatype: str, shape: Sequence[int], message: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ModelInputs(signature).check(name, datatype, shape)
    assert message in refused.value.message


def test_a_request_without_names_of_outputs_is_for_all_of_them() -> None:
    request = ModelInputs(IRIS).request([("X", array(3, 4))])
    assert (request.rows, request.outputs) == (3, ("label", "scores"))


def test_outputs_come_in_the_order_in_which_they_are_named() -> None:
    assert ModelInputs(IRIS).request([("X", array(1, 4))], ["scores", "label"]).outputs == ("scores", "label")


def test_an_optional_input_may_be_left_out() -> None:
    given = [("member", array(2)), ("city", array(2, 1)), ("numbers", array(2, 2))]
    assert ModelInputs(MIXED).request(given).inputs.keys() == {"member", "city", "numbers"}


def test_a_model_without_rows_has_one() -> None:
    assert ModelInputs(WHOLE).request([("matrix", array(0, 2)), ("scale", array())]).rows == 1


@pytest.mark.parametrize(
    ("signature", "given", "outputs", "message"),
    [
        (MIXED, [("city", array(2, 1))], [], "missing input 'numbers', 'member'; the model takes"),
        (IRIS, [], [], "missing input 'X'"),
        (IRIS, [("X", array(1, 4))] * 2, [], "input 'X' comes twice"),
        (IRIS, [("X", array(0, 4))], [], "expected at least one row, got none"),
        (IRIS, [("X", array(9, 4))], [], "expected at most 8 rows, got 9"),
        (
            MIXED,
            [("numbers", array(2, 2)), ("city", array(3, 1)), ("member", array(2))],
            [],
            "the rows: 'numbers' has 2, 'city' has 3, 'member' has 2",
        ),
        (IRIS, [("X", array(1, 4))], ["labels"], "unknown output 'labels'; did you mean 'label'?"),
        (IRIS, [("X", array(1, 4))], ["label", "label"], "output 'label' comes twice"),
    ],
)
def test_a_request_that_does_not_fit_together_is_refused(
    signature: Signature, given: list[tuple[str, Array]], outputs: list[str], message: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ModelInputs(signature, max_rows=8).request(given, outputs)
    assert message in refused.value.message


def test_raw_contents_are_checked_and_read_in_one_step() -> None:
    inputs = ModelInputs(one("INT16", (FREE, 2)))
    assert inputs.raw("x", "INT16", [1, 2], b"\x01\0\xff\xff").tolist() == [[1, -1]]
    with pytest.raises(InvalidRequest, match="expected INT16"):
        inputs.raw("x", "INT8", [1, 2], b"\0\0")
