"""TensorFlow Serving's requests and responses."""

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.responses import jsonable
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.protocols.tensorflow.metadata import TYPES, metadata, status
from modelyard.tensors import DTYPES, FREE, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import FIXED, IMAGE, IRIS, MIXED, TEXT, WHOLE, equal, one, texts

LABELLED = {"label": texts("setosa"), "scores": np.array([[0.5, 0.25, 0.25]], np.float32)}


def body(**members: Any) -> bytes:
    return orjson.dumps(members)


def response(signature: Signature, verb: str, document: bytes, outputs: Tensors) -> Any:
    codec = TensorflowCodec(signature)
    call = getattr(codec, verb)(document)
    return orjson.loads(codec.encode(call, {name: outputs[name] for name in call.request.outputs}))


def inputs(signature: Signature, document: bytes, verb: str = "predict") -> Any:
    call = getattr(TensorflowCodec(signature), verb)(document)
    return {name: array.tolist() for name, array in call.request.inputs.items()}


@pytest.mark.parametrize(
    ("signature", "document", "expected"),
    [
        (IRIS, body(instances=[[1, 2, 3, 4]]), {"X": [[1, 2, 3, 4]]}),
        (IRIS, body(instances=[{"X": [1, 2, 3, 4]}]), {"X": [[1, 2, 3, 4]]}),
        (IRIS, body(signature_name="serving_default", inputs=[[1, 2, 3, 4]]), {"X": [[1, 2, 3, 4]]}),
        (IRIS, body(signature_name="", inputs={"X": [[1, 2, 3, 4]]}), {"X": [[1, 2, 3, 4]]}),
        (TEXT, body(instances=["a", {"b64": "/w=="}]), {"text": ["a", b"\xff"]}),
        (WHOLE, body(inputs={"matrix": [[1, 2]], "scale": 3}), {"matrix": [[1, 2]], "scale": 3}),
        (FIXED, body(instances=[[1, 2, 3], [4, 5, 6]]), {"x": [[1, 2, 3], [4, 5, 6]]}),
    ],
)
def test_rows_and_tensors_are_read(signature: Signature, document: bytes, expected: Any) -> None:
    assert inputs(signature, document) == expected


@pytest.mark.parametrize(
    ("signature", "document", "outputs", "expected"),
    [
        (one("FP32"), body(instances=[1, 2]), {"y": np.array([2.5, 5])}, {"predictions": [2.5, 5]}),
        (
            IRIS,
            body(instances=[[1, 2, 3, 4]]),
            LABELLED,
            {"predictions": [{"label": "setosa", "scores": [0.5, 0.25, 0.25]}]},
        ),
        (one("FP32"), body(inputs={"x": [1]}), {"y": np.array([2.5])}, {"outputs": [2.5]}),
        (one("FP32"), body(inputs=[1]), {"y": np.array([2.5])}, {"outputs": [2.5], "predictions": [2.5]}),
        (
            IRIS,
            body(inputs={"X": [[1, 2, 3, 4]]}),
            LABELLED,
            {"outputs": {"label": ["setosa"], "scores": [[0.5, 0.25, 0.25]]}},
        ),
        (WHOLE, body(inputs={"matrix": [[1, 2]], "scale": 3}), {"norm": np.array(2.5)}, {"outputs": 2.5}),
    ],
)
def test_rows_get_rows_and_tensors_get_tensors_in_response(
    signature: Signature, document: bytes, outputs: Tensors, expected: Any
) -> None:
    assert response(signature, "predict", document, outputs) == expected


def test_a_classifier_returns_every_class_with_its_score() -> None:
    first, second, third, fourth = IRIS.inputs[0].columns
    document = body(context={first: 1, second: 2}, examples=[{third: 3, fourth: 4}, {second: 5, third: 6, fourth: 7}])
    assert inputs(IRIS, document, "classify") == {"X": [[1, 2, 3, 4], [1, 5, 6, 7]]}
    document = response(IRIS, "classify", document, {"scores": np.array([[0.5, 0.25, 0.25], [0, 1, 0]], np.float32)})
    assert document["result"][0] == [["setosa", 0.5], ["versicolor", 0.25], ["virginica", 0.25]]
    assert document["result"][1] == [["setosa", 0], ["versicolor", 1], ["virginica", 0]]


FRAME = {"sepal_length": [5, 6], "sepal_width": [3, 3], "petal_length": [1, 4], "petal_width": [0, 1]}


@pytest.mark.parametrize(
    "rows",
    [
        [FRAME],
        [{name: column[row] for name, column in FRAME.items()} for row in (0, 1)],
    ],
    ids=["a data frame", "objects"],
)
def test_kserves_inputs_are_rows(rows: Any) -> None:
    assert inputs(IRIS, body(inputs=rows)) == {"X": [[5, 3, 1, 0], [6, 3, 4, 1]]}
    document = response(IRIS, "predict", body(inputs=rows), {"label": texts("a", "b"), "scores": np.ones((2, 3))})
    assert [row["label"] for row in document["predictions"]] == ["a", "b"]
    assert document.keys() == {"predictions"}


def test_kserves_inputs_may_be_bytes_and_objects_with_vectors() -> None:
    assert inputs(TEXT, body(inputs=["a", {"b64": "/w=="}])) == {"text": ["a", b"\xff"]}
    assert inputs(TEXT, body(inputs=[{"b64": "/w=="}])) == {"text": [b"\xff"]}
    assert inputs(one("FP32", (FREE, 2)), body(inputs=[{"x": [1, 2]}])) == {"x": [[1, 2]]}


@pytest.mark.parametrize("verb", ["predict", "classify", "regress"])
def test_a_signature_may_have_the_name_of_the_method_that_it_is_for(verb: str) -> None:
    named = body(signature_name=f"tensorflow/serving/{verb}", examples=[{"x": 1}], instances=[1])
    signature = Signature(one("FP32").inputs, (TensorSpec("y", "FP32", (FREE, 2)),), classes=("a", "b"), scores="y")
    getattr(TensorflowCodec(signature if verb == "classify" else one("FP32")), verb)(named)
    with pytest.raises(InvalidRequest, match="only the signature 'serving_default', got 'tensorflow/serving/other'"):
        getattr(TensorflowCodec(signature if verb == "classify" else one("FP32")), verb)(
            body(signature_name="tensorflow/serving/other", examples=[{"x": 1}], instances=[1])
        )


@pytest.mark.parametrize("shape", [(FREE,), (FREE, 1)])
def test_an_onnx_model_with_one_number_per_row_is_a_regression(shape: tuple[int, ...]) -> None:
    signature = Signature(one("FP32").inputs, (TensorSpec("y", "FP32", shape),))
    outputs = {"y": np.array([2.5, 5]).reshape((2, *shape[1:]))}
    assert response(signature, "regress", body(examples=[{"x": 1}, {"x": 2}]), outputs) == {"result": [2.5, 5]}


@pytest.mark.parametrize(
    "output", [TensorSpec("y", "FP32", (FREE, 2)), TensorSpec("y", "BYTES", (FREE,)), TensorSpec("y", "FP32", ())]
)
@pytest.mark.parametrize("task", ["regression", "tensors"])
def test_a_model_without_one_number_per_row_is_not_a_regression(output: TensorSpec, task: Any) -> None:
    with pytest.raises(InvalidRequest, match="does not return one number per row"):
        TensorflowCodec(Signature(one("FP32").inputs, (output,), task=task)).regress(body(examples=[{"x": 1}]))


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_regression_returns_one_number_per_row(shape: tuple[int, ...]) -> None:
    outputs = {"y": np.array([2.5, 5]).reshape(shape)}
    assert response(one("FP32"), "regress", body(examples=[{"x": 1}, {"x": 2}]), outputs) == {"result": [2.5, 5]}


@pytest.mark.parametrize(
    ("signature", "verb", "document", "message"),
    [
        (IRIS, "predict", b"", 'the body is empty; expected JSON such as {"instances"'),
        (IRIS, "predict", b"[1]", "expected an object"),
        (IRIS, "predict", b"{}", 'expected exactly one of "instances" and "inputs", got none'),
        (IRIS, "predict", body(instances=[], inputs=[]), "got instances and inputs"),
        (IRIS, "predict", body(instances=[[1, 2, 3, "4"]]), 'got the string "4" at /instances/0/3'),
        (IRIS, "predict", body(instances=[[1]]), "expected 4 values, got 1"),
        (IRIS, "predict", body(instances=[]), "expected at least one row"),
        (IRIS, "predict", body(inputs={"Y": 1}), 'unknown input "Y"'),
        (WHOLE, "predict", body(instances=[1]), 'send whole tensors in "inputs"'),
        (
            IRIS,
            "predict",
            body(instances=[[1, 2, 3, 4]], signature_name="other"),
            "only the signature 'serving_default'",
        ),
        (IRIS, "predict", body(instances=[[1, 2, 3, 4]], signature_name=[]), "at /signature_name"),
        (MIXED, "classify", body(examples=[{}]), "no score for each class; use :predict"),
        (replace(IRIS, classes=()), "classify", body(examples=[{}]), "does not declare which class each score is of"),
        (IRIS, "regress", body(examples=[{}]), "does not return one number per row; use :predict"),
        (IRIS, "classify", body(), "expected a list of objects, got null at /examples"),
        (IRIS, "classify", body(examples=[1]), "expected an object, got the number 1 at /examples/0"),
        (IRIS, "classify", body(examples=[{}], context=1), "expected an object, got the number 1 at /context"),
        (IRIS, "classify", body(examples=[{"sepal_length": 1}]), 'missing "sepal_width"'),
        (IRIS, "classify", body(examples=[]), "expected at least one row"),
    ],
)
def test_an_invalid_body_is_rejected(signature: Signature, verb: str, document: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as rejected:
        getattr(TensorflowCodec(signature), verb)(document)
    assert message in rejected.value.message


def test_outputs_without_rows_are_not_returned_by_row() -> None:
    signature = Signature(FIXED.inputs, (TensorSpec("norm", "FP32", ()),))
    with pytest.raises(InvalidRequest, match="output 'norm' has no row for each instance"):
        response(signature, "predict", body(instances=[[1, 2, 3], [4, 5, 6]]), {"norm": np.array(1.0)})


NUMBERS = arrays.arrays(np.float32, (2, 3), elements=st.floats(-100, 100, width=32))


@settings(max_examples=50)
@given(NUMBERS)
def test_any_rows_and_any_tensor_round_trip(array: Any) -> None:
    signature = one("FP32", (FREE, 3))
    values = orjson.loads(orjson.dumps(jsonable(array), option=orjson.OPT_SERIALIZE_NUMPY))
    for document in (body(instances=values), body(inputs={"x": values})):
        assert equal(TensorflowCodec(signature).predict(document).request.inputs["x"], array)
    both = Signature(signature.inputs, (TensorSpec("y", "FP32", (FREE, 3)),))
    for form, part in (("instances", "predictions"), ("inputs", "outputs")):
        assert np.array(response(both, "predict", body(**{form: values}), {"y": array})[part], np.float32).tolist() == (
            array.tolist()
        )


@settings(max_examples=200)
@given(st.binary(max_size=20) | st.sampled_from([b'{"instances":1}', b'{"inputs":null}', b'{"examples":[{"X":{}}]}']))
def test_any_body_is_decoded_or_rejected(document: bytes) -> None:
    for verb in ("predict", "classify"):
        try:
            getattr(TensorflowCodec(IRIS), verb)(document)
        except InvalidRequest as rejected:
            assert rejected.message


def test_every_version_is_available() -> None:
    document = status("m", [7, 3])["model_version_status"]
    assert [(each["version"], each["state"]) for each in document] == [("7", "AVAILABLE"), ("3", "AVAILABLE")]
    assert document[0]["status"] == {"error_code": "OK", "error_message": ""}


def test_metadata_has_types_and_shapes() -> None:
    document = metadata("image", 3, IMAGE)
    assert document["model_spec"] == {"name": "image", "signature_name": "", "version": "3"}
    definition = document["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert definition["inputs"]["image"]["dtype"] == "DT_FLOAT"
    assert [each["size"] for each in definition["inputs"]["image"]["tensor_shape"]["dim"]] == ["-1", "2", "2", "1"]
    assert definition["outputs"].keys() == {"embedding", "mean"}


def test_every_datatype_has_a_type() -> None:
    assert TYPES.keys() == DTYPES.keys()


NUMERIC = TensorSpec("y", "FP32", (FREE,))


@pytest.mark.parametrize(
    "signature",
    [
        replace(one("FP32"), outputs=(NUMERIC, TensorSpec("z", "FP32", (FREE,)))),
        replace(one("FP32"), outputs=(NUMERIC,), label="y"),
        replace(one("FP32"), outputs=(NUMERIC,), task="classification"),
    ],
    ids=["two outputs", "a label", "another task"],
)
def test_only_one_number_per_row_is_a_regression(signature: Signature) -> None:
    with pytest.raises(InvalidRequest, match="does not return one number per row; use :predict"):
        TensorflowCodec(signature).regress(body(examples=[{"x": 1}]))


@pytest.mark.parametrize(
    ("sent", "rows"),
    [([{"x": 1}], [1]), ([{"x": [1]}, {"x": [2]}], [1, 2]), ([{"x": [1, 2]}], [1, 2]), ([{"x": 1}, {"x": 2}], [1, 2])],
)
def test_a_list_of_objects_is_rows_or_one_data_frame(sent: Any, rows: Any) -> None:
    call = TensorflowCodec(one("FP32")).predict(body(inputs=sent))
    assert call.request.inputs["x"].tolist() == rows
    assert call.request.rows == len(rows)


def test_a_model_without_rows_has_one() -> None:
    assert TensorflowCodec(WHOLE).predict(body(inputs={"matrix": [[1, 2]] * 3, "scale": 3})).request.rows == 1


def test_an_empty_list_has_no_rows() -> None:
    with pytest.raises(InvalidRequest, match="expected at least one row, got none"):
        TensorflowCodec(one("FP32")).predict(body(inputs=[]))


def test_bytes_in_a_list_are_values_and_not_rows() -> None:
    outputs = {"label": texts("refund"), "scores": np.array([[0.5, 0.5]])}
    assert {*response(TEXT, "predict", body(inputs=[{"b64": "/w=="}]), outputs)} == {"outputs", "predictions"}


def test_classes_without_names_are_numbered() -> None:
    nameless = replace(one("FP32"), outputs=(TensorSpec("s", "FP32", (FREE, 2)),), scores="s", task="classification")
    outputs = {"s": np.array([[0.25, 0.75]], np.float32)}
    assert response(nameless, "classify", body(examples=[{"x": 1}]), outputs) == {
        "result": [[["0", 0.25], ["1", 0.75]]]
    }
