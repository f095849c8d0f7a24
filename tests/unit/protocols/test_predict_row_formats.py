"""Every format of a JSON request is read into the tensors of the model."""

from typing import Any

import numpy as np
import orjson
import pytest

from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import FREE, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import FIXED, IMAGE, IRIS, MIXED, NAMELESS, TEXT, WHOLE, decoded, one, same, texts

FLOWERS: Tensors = {"X": np.array([[5, 3, 1.5, 0], [6, 3, 4, 1]], np.float32)}
A, B, C, D = "sepal_length", "sepal_width", "petal_length", "petal_width"


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [[5, 3, 1.5, 0], [6, 3, 4, 1]]},
        {"instances": [{A: 5, B: 3, C: 1.5, D: 0}, {D: 1, C: 4, B: 3, A: 6}]},
        {"instances": [{"X": [5, 3, 1.5, 0]}, {"X": [6, 3, 4, 1]}]},
        {"inputs": {"X": [[5, 3, 1.5, 0], [6, 3, 4, 1]]}},
        {"inputs": {A: [5, 6], B: [3, 3], D: [0, 1], C: [1.5, 4]}},
        {"inputs": [[5, 3, 1.5, 0], [6, 3, 4, 1]]},
        {"dataframe_split": {"columns": [A, B, C, D], "data": [[5, 3, 1.5, 0], [6, 3, 4, 1]]}},
        {"dataframe_split": {"columns": [D, C, B, A], "data": [[0, 1.5, 3, 5], [1, 4, 3, 6]], "index": [7, 8]}},
        {"dataframe_records": [{A: 5, B: 3, C: 1.5, D: 0}, {A: 6, B: 3, C: 4, D: 1}]},
    ],
)
def test_a_table_of_numbers_is_read_in_every_format(document: Any) -> None:
    assert same(decoded(IRIS, document), FLOWERS)


PEOPLE: Tensors = {
    "numbers": np.array([[30, 1000.5], [40, np.nan]]),
    "city": np.array([["Oslo"], ["Rom"]], object),
    "member": np.array([True, False]),
}
VISITS: Tensors = {**PEOPLE, "visits": np.array([1, 2], np.int8)}
OSLO = {"age": 30, "income": 1000.5, "city": "Oslo", "member": True}
ROME = {"age": 40, "income": None, "city": "Rom", "member": False}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"instances": [[30, 1000.5, "Oslo", True], [40, None, "Rom", False]]}, PEOPLE),
        ({"instances": [[30, 1000.5, "Oslo", True, 1], [40, None, "Rom", False, 2]]}, VISITS),
        ({"instances": [OSLO, ROME]}, PEOPLE),
        ({"instances": [{**OSLO, "visits": 1}, {"visits": 2, **ROME}]}, VISITS),
        ({"instances": [{**OSLO, "city": ["Oslo"]}, ROME]}, PEOPLE),
        ({"dataframe_records": [OSLO, ROME]}, PEOPLE),
        (
            {
                "inputs": {
                    "age": [30, 40],
                    "income": [1000.5, None],
                    "city": ["Oslo", "Rom"],
                    "member": [True, False],
                    "visits": [1, 2.0],
                }
            },
            VISITS,
        ),
        (
            {
                "inputs": {
                    "numbers": [[30, 1000.5], [40, None]],
                    "city": ["Oslo", "Rom"],
                    "member": [True, False],
                    "visits": [1, 2],
                }
            },
            VISITS,
        ),
        ({"dataframe_split": {"columns": list(OSLO), "data": [list(OSLO.values()), list(ROME.values())]}}, PEOPLE),
        (
            {"inputs": {"numbers": [[30, 1000.5], [40, None]], "city": [["Oslo"], ["Rom"]], "member": [True, False]}},
            PEOPLE,
        ),
        (
            {"inputs": {"age": [30, 40], "income": [1000.5, None], "city": ["Oslo", "Rom"], "member": [True, False]}},
            PEOPLE,
        ),
    ],
)
def test_columns_of_several_types_go_to_their_inputs(document: Any, expected: Tensors) -> None:
    assert same(decoded(MIXED, document), expected)


@pytest.mark.parametrize(
    "document",
    [
        {"instances": ["a", "ß"]},
        {"instances": [["a"], ["ß"]]},
        {"instances": [{"text": "a"}, {"text": "ß"}]},
        {"instances": ["a", ["ß"]]},
        {"inputs": ["a", "ß"]},
        {"inputs": {"text": ["a", "ß"]}},
        {"dataframe_split": {"columns": ["text"], "data": [["a"], ["ß"]]}},
        {"dataframe_records": [{"text": "a"}, {"text": "ß"}]},
    ],
)
def test_a_text_is_a_plain_string(document: Any) -> None:
    assert same(decoded(TEXT, document), {"text": texts("a", "ß")})


@pytest.mark.parametrize(
    "document", [{"instances": [{"b64": "/w=="}, "a"]}, {"inputs": {"text": [{"b64": "/w=="}, "a"]}}]
)
def test_bytes_that_are_not_text_are_sent_as_base64(document: Any) -> None:
    assert same(decoded(TEXT, document), {"text": texts(b"\xff", "a")})


@pytest.mark.parametrize(
    "document", [{"instances": [1, 2]}, {"instances": [[1], [2]]}, {"inputs": [1, 2]}, {"inputs": [[1], [2]]}]
)
def test_one_column_and_a_list_of_scalars_are_interchangeable(document: Any) -> None:
    assert same(decoded(one("INT64", (FREE, 1)), document), {"x": np.array([[1], [2]])})
    assert same(decoded(one("INT64"), document), {"x": np.array([1, 2])})


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [[[[1], [2]], [[3], [4]]]]},
        {"instances": [{"image": [[[1], [2]], [[3], [4]]]}]},
        {"inputs": {"image": [[[[1], [2]], [[3], [4]]]]}},
    ],
)
def test_an_image_is_a_nested_list(document: Any) -> None:
    assert same(decoded(IMAGE, document), {"image": np.arange(1, 5, dtype=np.float32).reshape(1, 2, 2, 1)})


def test_columns_without_names_are_read_in_order() -> None:
    document = {"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}}
    assert same(decoded(NAMELESS, document), {"x": np.array([[1, 2]], np.float32)})


def test_a_model_that_is_not_rowwise_accepts_whole_tensors() -> None:
    found = decoded(WHOLE, {"inputs": {"matrix": [[1, 2], [3, 4], [5, 6]], "scale": 0.5}})
    assert same(found, {"matrix": np.arange(1, 7, dtype=np.float32).reshape(3, 2), "scale": np.array(0.5, np.float32)})


def test_an_empty_axis_keeps_its_shape_if_the_model_is_not_rowwise() -> None:
    assert decoded(WHOLE, {"inputs": {"matrix": [], "scale": 1}})["matrix"].shape == (0, 2)


def test_a_fixed_number_of_rows_may_be_sent_as_instances() -> None:
    document = {"instances": [[1, 2, 3], [4, 5, 6]]}
    assert same(decoded(FIXED, document), {"x": np.arange(1, 7, dtype=np.float32).reshape(2, 3)})


def test_two_inputs_with_the_same_column_are_distinguished_by_their_names() -> None:
    twins = Signature(
        inputs=(TensorSpec("left", "FP32", (FREE, 2), ("a", "b")), TensorSpec("right", "FP32", (FREE, 2), ("a", "b"))),
        outputs=(TensorSpec("y", "FP32", (FREE,)),),
    )
    found = decoded(twins, {"instances": [{"left": [1, 2], "right": [3, 4]}]})
    assert same(found, {"left": np.array([[1, 2]], np.float32), "right": np.array([[3, 4]], np.float32)})


@pytest.mark.parametrize(
    ("signature", "document", "rows"),
    [(IRIS, {"instances": [[1, 2, 3, 4]] * 3}, 3), (WHOLE, {"inputs": {"matrix": [[1, 2]] * 3, "scale": 1}}, 1)],
)
def test_rows_are_counted_only_if_the_model_is_rowwise(signature: Signature, document: Any, rows: int) -> None:
    call = PredictCodec("m", 1, signature).decode(orjson.dumps(document), b"")
    assert call.request.rows == rows


def test_the_last_of_duplicate_members_counts() -> None:
    assert same(decoded(one("INT8"), b'{"instances": [1], "instances": [2]}'), {"x": np.array([2], np.int8)})


@pytest.mark.parametrize(
    ("datatype", "given", "expected"),
    [
        ("INT8", 3.0, 3),
        ("INT8", -128, -128),
        ("UINT64", 2**64 - 1, 2**64 - 1),
        ("INT64", -(2**63), -(2**63)),
        ("INT64", 2.0**53, 2**53),
        ("FP16", 65519, 65504),
        ("FP32", 3.4028235e38, 3.4028234663852886e38),
        ("FP32", 2**63, 2.0**63),
        ("FP64", 1.7976931348623157e308, 1.7976931348623157e308),
        ("BOOL", True, True),
        ("INT8", True, 1),
        ("UINT64", False, 0),
        ("FP16", True, 1.0),
        ("FP64", False, 0.0),
    ],
)
def test_the_extremes_of_a_datatype_are_accepted(datatype: str, given: Any, expected: Any) -> None:
    assert decoded(one(datatype), {"instances": [given]})["x"].tolist() == [expected]


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_null_is_nan_among_floating_numbers(datatype: str) -> None:
    assert np.isnan(decoded(one(datatype), {"instances": [None, 1]})["x"]).tolist() == [True, False]
