"""Requests to ONNX models and their responses: load, example, codec and predict together."""

import json
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

from modelyard.config.model_spec import Batching
from modelyard.errors import InvalidRequest
from modelyard.inference.warmup import Warmup, warm
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.predict.example import example_body
from modelyard.runtimes.base import LoadError
from modelyard.runtimes.onnx.model import OnnxModel
from tests.unit.runtimes.onnx_graphs import graph, load, tensor, weights

FLOAT, DOUBLE, INT64, STRING, BOOL = (
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.INT64,
    TensorProto.STRING,
    TensorProto.BOOL,
)
X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
NAMES = np.array(["setosa", "versicolor", "virginica"])
PLACES = [0, 60, 120]
FLOWERS: list[list[float]] = X[PLACES].tolist()


def predict_json(model: OnnxModel, body: object = None) -> dict[str, Any]:
    """The response to this body, or to the example in the catalogue."""
    codec = PredictCodec("m", 1, model.signature)
    text = example_body(model.signature, model.example) if body is None else json.dumps(body).encode()
    call = codec.decode(text, b"application/json")
    response: dict[str, Any] = json.loads(codec.encode(call, model.predict(call.request.inputs, call.request.outputs)))
    return response


def warmed(model: OnnxModel) -> Warmup:
    """Warm up like a replica: the example is encoded and decoded by the codec. Raises if the model fails on it."""
    codec = PredictCodec("m", 1, model.signature)
    call = codec.decode(example_body(model.signature, model.example), b"application/json")
    return warm(model, [call.request], batching=Batching(max_size=4))


def converted(estimator: BaseEstimator, target: Any, **options: Any) -> bytes:
    fitted = estimator.fit(X, target)
    chosen = {id(fitted): options} if options else None
    return bytes(to_onnx(fitted, X[:1], options=chosen, target_opset={"": 18, "ai.onnx.ml": 3}).SerializeToString())


def node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, outputs, **attributes)


SEQUENCE = helper.make_tensor_sequence_value_info("parts", FLOAT, None)
OPTIONAL = graph(
    [node("Mul", ["x", "factor"], ["y"])],
    [tensor("x", FLOAT, ["N", 2]), tensor("factor", FLOAT, [1])],
    [tensor("y", FLOAT, ["N", 2])],
    [weights("factor", np.array([3], np.float32))],
)
FOUND = graph(
    [node("NonZero", ["x"], ["found"]), node("Transpose", ["found"], ["places"])],
    [tensor("x", FLOAT, ["N"])],
    [tensor("places", INT64, ["M", 1])],
)
QUERIES = graph(
    [node("Transpose", ["documents"], ["turned"], perm=[1, 0]), node("MatMul", ["queries", "turned"], ["likeness"])],
    [tensor("queries", FLOAT, ["Q", 2]), tensor("documents", FLOAT, ["D", 2])],
    [tensor("likeness", FLOAT, ["Q", "D"])],
)
GRAPHS: dict[str, bytes] = {
    "a scalar": graph([node("Neg", ["x"], ["y"])], [tensor("x", DOUBLE, [])], [tensor("y", DOUBLE, [])]),
    "one row": graph([node("Neg", ["x"], ["y"])], [tensor("x", FLOAT, [1, 3])], [tensor("y", FLOAT, [1, 3])]),
    "three rows": graph([node("Neg", ["x"], ["y"])], [tensor("x", FLOAT, [3])], [tensor("y", FLOAT, [3])]),
    "rows to a scalar": graph(
        [node("ReduceMax", ["x"], ["y"], keepdims=0)], [tensor("x", FLOAT, ["N", 2])], [tensor("y", FLOAT, [])]
    ),
    "free in the middle": graph(
        [node("Neg", ["x"], ["y"])], [tensor("x", FLOAT, [2, "T", 3])], [tensor("y", FLOAT, [2, "T", 3])]
    ),
    "texts": graph([node("Identity", ["x"], ["y"])], [tensor("x", STRING, ["N"])], [tensor("y", STRING, ["N"])]),
    "two of one shape": graph(
        [node("Add", ["a", "b"], ["y"])],
        [tensor("a", INT64, ["N"]), tensor("b", INT64, ["N"])],
        [tensor("y", INT64, ["N"])],
    ),
    "rows beside a table": graph(
        [node("Gather", ["table", "places"], ["y"], axis=1)],
        [tensor("table", FLOAT, [1, 4]), tensor("places", INT64, ["N"])],
        [tensor("y", FLOAT, [1, "N"])],
    ),
    "a place in a table": graph(
        [node("Gather", ["table", "x"], ["y"])],
        [tensor("x", INT64, ["N"])],
        [tensor("y", FLOAT, ["N"])],
        [weights("table", np.array([1, 2], np.float32))],
    ),
    "a scalar beside rows": graph(
        [node("Mul", ["x", "factor"], ["y"])],
        [tensor("x", FLOAT, ["N"]), tensor("factor", FLOAT, [])],
        [tensor("y", FLOAT, ["N"])],
    ),
    "optional": OPTIONAL,
    "only optional": graph(
        [node("Neg", ["x"], ["y"])],
        [tensor("x", FLOAT, ["N"])],
        [tensor("y", FLOAT, ["N"])],
        [weights("x", np.array([3, 4, 5], np.float32))],
    ),
    "larger than a kernel": graph(
        [node("Conv", ["x", "kernel"], ["y"])],
        [tensor("x", FLOAT, ["N", 1, "H", "W"])],
        [tensor("y", FLOAT, ["N", 1, "h", "w"])],
        [weights("kernel", np.ones((1, 1, 3, 3), np.float32))],
    ),
    "found places": FOUND,
    "queries and documents": QUERIES,
    "a sequence": graph([node("SplitToSequence", ["x"], ["parts"])], [tensor("x", FLOAT, ["N", 2])], [SEQUENCE]),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_example_of_any_graph_goes_through_codec_and_warm_up(name: str) -> None:
    model = load(GRAPHS[name])
    assert predict_json(model).keys() & {"predictions", "outputs"}
    assert warmed(model).batchable is model.signature.rowwise


def test_a_scalar_is_a_plain_number() -> None:
    assert predict_json(load(GRAPHS["a scalar"]), {"inputs": {"x": 2.5}})["outputs"] == {"y": -2.5}


def test_a_sequence_is_one_json_text() -> None:
    response = predict_json(load(GRAPHS["a sequence"]), {"inputs": {"x": [[1, 2], [3, 4]]}})
    assert json.loads(response["outputs"]["parts"]) == [[[1, 2]], [[3, 4]]]


def test_an_optional_input_may_be_present_or_absent() -> None:
    model = load(OPTIONAL)
    assert predict_json(model, {"inputs": {"x": [[1, 2]]}})["outputs"] == {"y": [[3, 6]]}
    assert predict_json(model, {"inputs": {"x": [[1, 2]], "factor": [10]}})["outputs"] == {"y": [[10, 20]]}


def test_an_output_without_rows_is_returned_whole() -> None:
    assert predict_json(load(FOUND), {"inputs": {"x": [0, 1, 0, 1, 1]}})["outputs"] == {"places": [[1], [3], [4]]}


def test_inputs_of_different_lengths_are_accepted_if_the_graph_accepts_them() -> None:
    asked_for = {"queries": [[1, 0], [0, 1]], "documents": [[5, 6], [7, 8], [9, 0]]}
    assert predict_json(load(QUERIES), {"inputs": asked_for})["outputs"] == {"likeness": [[5, 7, 9], [6, 8, 0]]}


def test_rows_stay_rows_if_an_exporter_names_them_differently_in_each_input() -> None:
    ends = [tensor("a", FLOAT, ["a_axis_0"]), tensor("b", FLOAT, ["b_axis_0"])]
    model = load(graph([node("Add", ["a", "b"], ["y"])], ends, [tensor("y", FLOAT, ["y_axis_0"])]))
    assert predict_json(model, {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]})["predictions"] == [3, 7]


def test_a_graph_without_inputs_is_rejected() -> None:
    with pytest.raises(LoadError, match="the graph has no inputs"):
        load(graph([node("Constant", [], ["y"], value_float=1.0)], [], [tensor("y", FLOAT, [])]))


def test_lengths_that_the_graph_rejects_are_reported_without_source_locations() -> None:
    with pytest.raises(InvalidRequest) as caught:
        predict_json(load(GRAPHS["a place in a table"]), {"instances": [5]})
    assert "out of data bounds" in caught.value.message
    assert not any(internal in caught.value.message for internal in (".cc", ".h:", "Status", "onnxruntime"))


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("target", [Y, NAMES[Y]], ids=["numbers", "texts"])
def test_a_converted_classifier_returns_the_estimators_outputs(zipmap: bool, target: Any) -> None:
    estimator = RandomForestClassifier(5, random_state=0)
    model = load(converted(estimator, target, zipmap=zipmap))
    assert warmed(model).batchable
    response = predict_json(model, {"instances": FLOWERS, "probabilities": True})
    assert response["predictions"] == estimator.predict(FLOWERS).tolist()
    expected = estimator.predict_proba(FLOWERS)
    assert response["probabilities"] == pytest.approx(expected, abs=1e-5)
    assert response["confidences"] == pytest.approx(expected.max(1), abs=1e-5)


@pytest.mark.parametrize("zipmap", [True, False])
def test_labels_name_the_classes_in_every_part_of_the_response(zipmap: bool) -> None:
    model = load(converted(GaussianNB(), Y, zipmap=zipmap), labels=NAMES.tolist())
    response = predict_json(model, {"instances": FLOWERS, "probabilities": True})
    assert response["predictions"] == response["classes"] == NAMES.tolist()
    assert response["confidences"] == [max(row) for row in response["probabilities"]]


def test_labels_make_a_classifier_of_a_single_softmax() -> None:
    softmax = graph([node("Softmax", ["x"], ["p"])], [tensor("x", FLOAT, ["N", 3])], [tensor("p", FLOAT, ["N", 3])])
    response = predict_json(load(softmax, labels=["low", "mid", "high"]), {"instances": [[0, 9, 0], [9, 0, 0]]})
    assert response["predictions"] == ["mid", "low"]
    assert response["confidences"] == pytest.approx([0.99975, 0.99975], abs=1e-4)


@pytest.mark.parametrize(
    "estimator",
    [LinearRegression(), KMeans(3, n_init=1, random_state=0), IsolationForest(n_estimators=3, random_state=0)],
)
def test_other_converted_estimators_give_what_they_predict(estimator: BaseEstimator) -> None:
    model = load(converted(estimator, Y))
    first = model.signature.outputs[0].name
    response = predict_json(model, {"instances": FLOWERS, "outputs": [first]})
    assert np.ravel(response["predictions"]) == pytest.approx(np.ravel(estimator.predict(X[PLACES])), abs=1e-4)
