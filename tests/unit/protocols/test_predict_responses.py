"""Outputs are written as the response."""

from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from modelyard.errors import InvalidRequest
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import FREE, Array, Signature, TensorSpec
from tests.unit.protocols.samples import FIXED, IMAGE, IRIS, SPECIES, WHOLE, one, response_of, texts

ONE = {"instances": [[1, 2, 3, 4]]}
TWO = {"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}
SCORES = np.array([[0.75, 0.125, 0.125], [0.25, 0.25, 0.5]], np.float32)
NAMES = {"model_name": "m", "model_version": "1"}


def classifier(datatype: str, classes: tuple[Any, ...], **changes: Any) -> Signature:
    """Iris with labels of another type."""
    outputs = (TensorSpec("label", datatype, (FREE,)), TensorSpec("scores", "FP32", (FREE, 3)))
    return replace(IRIS, outputs=outputs, classes=classes, **changes)


def test_the_response_names_the_model_and_is_compact_json() -> None:
    codec = PredictCodec("iris", 3, IRIS)
    call = codec.decode(orjson.dumps(ONE), b"")
    outputs = {"label": texts("setosa"), "scores": np.array([[0.97, 0.02, 0.01]], np.float32)}
    expected = b'{"model_name":"iris","model_version":"3","predictions":["setosa"],"confidences":[0.97]}'
    assert codec.encode(call, outputs) == expected


@pytest.mark.parametrize(
    ("signature", "labels", "predictions", "confidences"),
    [
        (IRIS, texts("setosa", "virginica"), ["setosa", "virginica"], [0.75, 0.5]),
        # The score of the label need not be the greatest.
        (IRIS, texts("versicolor", "versicolor"), ["versicolor", "versicolor"], [0.125, 0.25]),
        (IRIS, texts(b"setosa", b"virginica"), ["setosa", "virginica"], [0.75, 0.5]),
        (IRIS, np.array(["setosa", "virginica"]), ["setosa", "virginica"], [0.75, 0.5]),
        (IRIS, np.array([["setosa"], ["virginica"]], object), ["setosa", "virginica"], [0.75, 0.5]),
        (IRIS, texts("setosa", "tulip"), ["setosa", "tulip"], [0.75, None]),
        (classifier("INT64", SPECIES), np.array([0, 2]), ["setosa", "virginica"], [0.75, 0.5]),
        (classifier("INT64", SPECIES[:2]), np.array([0, 2]), ["setosa", 2], [0.75, None]),
        (classifier("INT64", (5, 6, 7)), np.array([5, 7]), [5, 7], [0.75, 0.5]),
        (classifier("INT64", ("1", "2", "3")), np.array([1, 3]), ["1", "3"], [0.75, 0.5]),
        (classifier("INT64", ("a", "b", "c")), np.array([-1, 3]), [-1, 3], [None, None]),
        (classifier("BOOL", ("no", "yes")), np.array([False, True]), ["no", "yes"], [0.75, 0.25]),
        (classifier("FP32", (1.5, 2.5, 3.5)), np.array([1.5, 3.5], np.float32), [1.5, 3.5], [0.75, 0.5]),
    ],
)
def test_a_label_comes_with_its_own_score(
    signature: Signature, labels: Array, predictions: list[Any], confidences: list[Any]
) -> None:
    response = response_of(signature, TWO, {"label": labels, "scores": SCORES})
    assert response == {**NAMES, "predictions": predictions, "confidences": confidences}


@pytest.mark.parametrize(
    ("classes", "predictions"), [(SPECIES, ["setosa", "virginica"]), ((5, 6, 7), [5, 7]), ((), [0, 2])]
)
def test_scores_alone_give_the_class_of_the_greatest(classes: tuple[Any, ...], predictions: list[Any]) -> None:
    signature = replace(IRIS, outputs=IRIS.outputs[1:], label="", classes=classes)
    response = response_of(signature, TWO, {"scores": SCORES})
    assert response == {**NAMES, "predictions": predictions, "confidences": [0.75, 0.5]}


def test_labels_alone_come_without_confidences() -> None:
    signature = replace(IRIS, outputs=IRIS.outputs[:1], scores="")
    assert response_of(signature, ONE, {"label": texts("setosa")}) == {**NAMES, "predictions": ["setosa"]}


def test_without_classes_the_score_of_a_label_is_unknown() -> None:
    nameless = classifier("INT64", ())
    outputs = {"label": np.array([50, 70]), "scores": SCORES}
    assert response_of(nameless, TWO, outputs) == {**NAMES, "predictions": [50, 70]}
    response = response_of(nameless, {**TWO, "probabilities": True}, outputs)
    assert response == {**NAMES, "predictions": [50, 70], "probabilities": SCORES.tolist()}


def test_without_labels_or_classes_the_index_of_the_largest_score_is_the_label() -> None:
    signature = replace(IRIS, outputs=IRIS.outputs[1:], label="", classes=())
    response = response_of(signature, {**TWO, "probabilities": True}, {"scores": SCORES})
    assert (response["predictions"], response["confidences"], response["classes"]) == ([0, 2], [0.75, 0.5], [0, 1, 2])


def test_a_label_that_is_not_a_class_has_no_confidence() -> None:
    response = response_of(IRIS, TWO, {"label": texts("unsure", "setosa"), "scores": SCORES})
    assert response == {**NAMES, "predictions": ["unsure", "setosa"], "confidences": [None, 0.25]}


def test_a_label_that_is_not_utf8_is_base64() -> None:
    response = response_of(IRIS, TWO, {"label": texts(b"\xff", b"setosa"), "scores": SCORES})
    assert response == {**NAMES, "predictions": [{"b64": "/w=="}, "setosa"], "confidences": [None, 0.25]}


TAGS = Signature(
    inputs=IRIS.inputs,
    outputs=(
        TensorSpec("labels", "INT64", (FREE, 2)),
        TensorSpec("scores_0", "FP64", (FREE, 2)),
        TensorSpec("scores_1", "FP64", (FREE, 3)),
    ),
    task="classification",
    label="labels",
)
TAGGED = {
    "labels": np.array([[1, 7], [0, 9]]),
    "scores_0": np.array([[0.25, 0.75], [1, 0]]),
    "scores_1": np.array([[0.5, 0.25, 0.25], [0, 0, 1]]),
}


def test_a_multi_label_model_has_a_list_of_labels_for_each_row() -> None:
    others = {name: TAGGED[name].tolist() for name in ("scores_0", "scores_1")}
    assert response_of(TAGS, TWO, TAGGED) == {**NAMES, "predictions": [[1, 7], [0, 9]], "outputs": others}
    assert response_of(TAGS, {**TWO, "outputs": ["labels"]}, TAGGED)["predictions"] == [[1, 7], [0, 9]]
    rows = response_of(TAGS, {**TWO, "outputs": ["labels", "scores_0"]}, TAGGED)["predictions"]
    assert rows == [{"labels": [1, 7], "scores_0": [0.25, 0.75]}, {"labels": [0, 9], "scores_0": [1, 0]}]


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [
        (texts("a", "b", "c", b"\xff").reshape(2, 2), [["a", "b"], ["c", {"b64": "/w=="}]]),
        (np.array([["a", "b"], ["c", "d"]]), [["a", "b"], ["c", "d"]]),
        (np.array([[0.1, 2], [3, 4]], np.float32), [[0.1, 2], [3, 4]]),
        (np.array([[True, False], [False, False]]), [[True, False], [False, False]]),
        (np.array([[1, 2], [3, 4]], np.longlong), [[1, 2], [3, 4]]),
    ],
)
def test_multiple_labels_may_be_of_any_type(labels: Array, predictions: list[Any]) -> None:
    assert response_of(TAGS, TWO, {**TAGGED, "labels": labels})["predictions"] == predictions


def test_classes_do_not_rename_multiple_labels() -> None:
    named = replace(TAGS, classes=("ham", "spam"))
    assert response_of(named, TWO, TAGGED)["predictions"] == [[1, 7], [0, 9]]


def test_probabilities_of_multiple_labels_are_rejected() -> None:
    with pytest.raises(InvalidRequest, match="no probabilities available"):
        response_of(TAGS, {**TWO, "probabilities": True}, TAGGED)


def test_probabilities_come_with_their_classes() -> None:
    outputs = {"label": texts("setosa", "virginica"), "scores": SCORES}
    response = response_of(IRIS, {**TWO, "probabilities": True}, outputs)
    assert response["probabilities"] == SCORES.tolist()
    assert response["classes"] == list(SPECIES)


def test_probabilities_may_be_requested_outside_the_body() -> None:
    codec = PredictCodec("m", 1, IRIS)
    call = codec.decode(b'{"instances": [[1, 2, 3, 4]]}', b"", probabilities=True)
    assert call.probabilities
    assert b'"classes"' in codec.encode(call, {"label": texts("setosa"), "scores": SCORES[:1]})


@pytest.mark.parametrize(
    ("outputs", "wanted", "predictions"),
    [
        (["label"], ("label",), ["setosa", "virginica"]),
        (["scores"], ("scores",), SCORES.tolist()),
        (
            ["scores", "label"],
            ("scores", "label"),
            [
                {"scores": [0.75, 0.125, 0.125], "label": "setosa"},
                {"scores": [0.25, 0.25, 0.5], "label": "virginica"},
            ],
        ),
    ],
)
def test_only_the_requested_outputs_are_computed_and_returned(
    outputs: list[str], wanted: tuple[str, ...], predictions: list[Any]
) -> None:
    document = {**TWO, "outputs": outputs}
    call = PredictCodec("m", 1, IRIS).decode(orjson.dumps(document), b"")
    assert call.request.outputs == wanted
    response = response_of(IRIS, document, {"label": texts("setosa", "virginica"), "scores": SCORES})
    assert response == {**NAMES, "predictions": predictions}


def test_probabilities_are_computed_even_if_the_scores_are_not_among_the_outputs() -> None:
    document = {**TWO, "outputs": ["label"], "probabilities": True}
    assert PredictCodec("m", 1, IRIS).decode(orjson.dumps(document), b"").request.outputs == ("label", "scores")
    response = response_of(IRIS, document, {"label": texts("setosa", "virginica"), "scores": SCORES})
    assert response["predictions"] == ["setosa", "virginica"]
    assert response["probabilities"] == SCORES.tolist()


def test_a_classifier_returns_its_other_outputs_too() -> None:
    signature = replace(IRIS, outputs=(*IRIS.outputs, TensorSpec("leaf", "INT32", (FREE,))))
    outputs = {"label": texts("setosa"), "scores": SCORES[:1], "leaf": np.array([7], np.int32)}
    assert response_of(signature, ONE, outputs)["outputs"] == {"leaf": [7]}


def test_several_outputs_make_an_object_of_each_row() -> None:
    outputs = {"embedding": np.array([[1, 2], [3, 4]], np.float32), "mean": np.array([0.1, np.nan], np.float32)}
    response = response_of(IMAGE, {"instances": [[[[1], [2]], [[3], [4]]]] * 2}, outputs)
    assert response["predictions"] == [{"embedding": [1, 2], "mean": 0.1}, {"embedding": [3, 4], "mean": None}]


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_regression_has_one_number_per_row_in_any_shape_of_the_framework(shape: tuple[int, ...]) -> None:
    response = response_of(one("FP32"), {"instances": [1, 2]}, {"y": np.array([1.5, 2.5]).reshape(shape)})
    assert response == {**NAMES, "predictions": [1.5, 2.5]}


def test_a_model_that_is_not_rowwise_returns_whole_outputs() -> None:
    document = {"inputs": {"matrix": [[1, 2]], "scale": 1}}
    assert response_of(WHOLE, document, {"norm": np.array(2.5, np.float32)}) == {**NAMES, "outputs": {"norm": 2.5}}


def test_a_fixed_number_of_rows_gets_a_response_in_the_form_of_the_request() -> None:
    outputs = {"y": np.array([1, 2], np.float32), "z": np.array([3, 4], np.float32)}
    rows = [[1, 2, 3], [4, 5, 6]]
    assert response_of(FIXED, {"inputs": rows}, outputs) == {**NAMES, "outputs": {"y": [1, 2], "z": [3, 4]}}
    assert response_of(FIXED, {"instances": rows}, outputs) == {
        **NAMES,
        "predictions": [{"y": 1, "z": 3}, {"y": 2, "z": 4}],
    }


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([np.nan, np.inf, -np.inf, 1.5]), [None, None, None, 1.5]),
        (np.array([np.nan, 0.1], np.float32), [None, 0.1]),
        (np.array([np.inf, 0.5], np.float16), [None, 0.5]),
        (np.array([1, 2], ">i4"), [1, 2]),
        (np.array([[1, 2], [3, 4]]).T, [[1, 3], [2, 4]]),
        (np.array([1, 2, 3, 4])[::2], [1, 3]),
        (np.array([True, False]), [True, False]),
        (np.array([2**64 - 1], np.uint64), [2**64 - 1]),
        (np.array(["a", "ß"]), ["a", "ß"]),
        (np.array([b"a", b"\xff"], object), ["a", {"b64": "/w=="}]),
        (np.array([[b"a"], [b"b"]], "S1"), [["a"], ["b"]]),
        (np.zeros((1, 0)), [[]]),
    ],
)
def test_every_kind_of_array_becomes_json(array: Array, expected: list[Any]) -> None:
    signature = Signature(inputs=one("FP32").inputs, outputs=(TensorSpec("y", "FP64", (FREE,)),))
    assert response_of(signature, {"instances": [1]}, {"y": array})["predictions"] == expected


def test_a_score_that_is_not_a_number_is_null() -> None:
    scores = np.array([[np.nan, np.nan, np.nan]], np.float32)
    response = response_of(IRIS, {**ONE, "probabilities": True}, {"label": texts("setosa"), "scores": scores})
    assert response["confidences"] == [None]
    assert response["probabilities"] == [[None, None, None]]


def test_a_fixed_number_of_rows_gets_whole_outputs_if_they_do_not_have_these_rows() -> None:
    pooled = Signature(inputs=(TensorSpec("x", "FP32", (2,)),), outputs=(TensorSpec("y", "FP32", ()),))
    response = response_of(pooled, {"instances": [1, 2]}, {"y": np.array(1.5, np.float32)})
    assert response["outputs"] == {"y": 1.5}
