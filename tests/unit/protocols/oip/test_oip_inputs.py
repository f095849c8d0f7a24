"""A request's tensors are checked against the model's signature in every form of the protocol."""

from collections.abc import Sequence

import numpy as np
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.oip.inputs import ModelInputs
from modelyard.tensors import Array, InferRequest, Signature
from tests.unit.protocols.samples import FIXED, IRIS, MIXED, TEXT, WHOLE, one


def array(*shape: int) -> Array:
    return np.zeros(shape)


def requested(
    inputs: ModelInputs, given: Sequence[tuple[str, Array]], outputs: Sequence[str] = (), datatype: str = "FP32"
) -> InferRequest:
    """A request with these arrays, of the declared datatypes or of another one."""
    declared = {spec.name: spec.datatype for signature in (MIXED, TEXT) for spec in signature.inputs}
    slots = inputs.slots([(name, declared.get(name, datatype), each.shape) for name, each in given])
    return inputs.request(zip(slots, [each for _, each in given], strict=True), outputs)


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
def test_a_tensor_that_matches_is_accepted(
    signature: Signature, name: str, datatype: str, shape: Sequence[int]
) -> None:
    assert ModelInputs(signature).slots([(name, datatype, shape)])[0].input == name


@pytest.mark.parametrize(
    ("signature", "name", "datatype", "shape", "message"),
    [
        (MIXED, "numbrs", "FP64", [1, 2], "unknown input 'numbrs'; did you mean 'numbers'?"),
        (MIXED, "y" * 200, "FP32", [1, 4], "unknown input '" + "y" * 60 + "…'"),
        (IRIS, "y" * 200, "FP32", [1, 3], "input '" + "y" * 60 + "…': expected shape [-1, 4]"),
        (IRIS, "X", "BYTES", [1, 4], "input 'X': expected FP32, got BYTES"),
        (TEXT, "text", "FP32", [1], "input 'text': expected BYTES, got FP32"),
        (one("BOOL"), "x", "INT8", [1], "input 'x': expected BOOL, got INT8"),
        (IRIS, "X", "FLOAT", [1, 4], "input 'X': unknown datatype 'FLOAT'; known are BOOL, INT8"),
        (IRIS, "X", "FP32", [1, 3], "input 'X': expected shape [-1, 4], got [1, 3]"),
        (IRIS, "X", "FP32", [4], "input 'X': expected shape [-1, 4], got [4]"),
        (IRIS, "X", "FP32", [-1, 4], "got [-1, 4]; the axes of a request must not be negative"),
        (IRIS, "X", "FP32", [1] * 40, "got [" + "1, " * 32 + "...]"),
        (WHOLE, "scale", "FP32", [2], "input 'scale': expected shape [], got [2]"),
    ],
)
def test_a_tensor_that_does_not_match_is_rejected(
    signature: Signature, name: str, datatype: str, shape: Sequence[int], message: str
) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        ModelInputs(signature).slots([(name, datatype, shape)])
    assert message in rejected.value.message


def test_a_request_without_names_of_outputs_is_for_all_of_them() -> None:
    request = requested(ModelInputs(IRIS), [("X", array(3, 4))])
    assert (request.rows, request.outputs) == (3, ("label", "scores"))


def test_outputs_have_the_order_in_which_they_are_requested() -> None:
    assert requested(ModelInputs(IRIS), [("X", array(1, 4))], ["scores", "label"]).outputs == ("scores", "label")


def test_an_optional_input_may_be_left_out() -> None:
    given = [("member", array(2)), ("city", array(2, 1)), ("numbers", array(2, 2))]
    assert requested(ModelInputs(MIXED), given).inputs.keys() == {"member", "city", "numbers"}


def test_a_model_without_rows_has_one() -> None:
    assert requested(ModelInputs(WHOLE), [("matrix", array(0, 2)), ("scale", array())]).rows == 1


@pytest.mark.parametrize(
    ("signature", "given", "outputs", "message"),
    [
        (MIXED, [("city", array(2, 1))], [], "missing input 'numbers', 'member'; the model expects"),
        (IRIS, [], [], "missing input 'X'"),
        (IRIS, [("X", array(1, 4))] * 2, [], "duplicate input 'X'"),
        (IRIS, [("X", array(0, 4))], [], "expected at least one row, got none"),
        (IRIS, [("X", array(9, 4))], [], "expected at most 8 rows, got 9"),
        (
            MIXED,
            [("numbers", array(2, 2)), ("city", array(3, 1)), ("member", array(2))],
            [],
            "the rows: 'numbers' has 2, 'city' has 3, 'member' has 2",
        ),
        (IRIS, [("X", array(1, 4))], ["labels"], "unknown output 'labels'; did you mean 'label'?"),
        (IRIS, [("X", array(1, 4))], ["label", "label"], "duplicate output 'label'"),
    ],
)
def test_an_inconsistent_request_is_rejected(
    signature: Signature, given: list[tuple[str, Array]], outputs: list[str], message: str
) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        requested(ModelInputs(signature, max_rows=8), given, outputs)
    assert message in rejected.value.message
