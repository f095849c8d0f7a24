"""ONNX classifiers, from converters and from the YAML's labels, and outputs that are not tensors."""

import json
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier

from modelyard.runtimes.base import LoadError
from modelyard.tensors import FREE, Scalar, Signature, TensorSpec
from tests.unit.runtimes.onnx_graphs import everything, graph, load, tensor, weights

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
FLOWERS, KINDS = (array[::3] for array in load_iris(return_X_y=True))
FLOWERS = FLOWERS.astype(np.float32)
NAMES = ("setosa", "versicolor", "virginica")
SOME = FLOWERS[::12]


def converted(estimator: BaseEstimator, columns: int | None = 4, **options: object) -> bytes:
    types = [("X", FloatTensorType([None, columns]))]
    model = to_onnx(estimator, initial_types=types, options={id(estimator): options} if options else None)
    return bytes(model.SerializeToString())


def classifier(classes: tuple[Scalar, ...] = (0, 1, 2)) -> LogisticRegression:
    return LogisticRegression(max_iter=50, tol=0.01).fit(FLOWERS, np.array(classes)[KINDS])


@cache
def without_zipmap() -> tuple[LogisticRegression, bytes]:
    estimator = classifier()
    return estimator, converted(estimator, zipmap=False)


def zipmap(classes: tuple[Scalar, ...]) -> bytes:
    """The maps of each row's x."""
    kind = "strings" if isinstance(classes[0], str) else "int64s"
    node = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", **{f"classlabels_{kind}": classes})
    key = STRING if isinstance(classes[0], str) else INT64
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(key, helper.make_tensor_type_proto(FLOAT, [])))
    return graph([node], [tensor("x", FLOAT, ["N", len(classes)])], [helper.make_value_info("y", maps)])


def roles(signature: Signature) -> tuple[str, tuple[Scalar, ...], str, str]:
    return signature.task, signature.classes, signature.label, signature.scores


def test_a_label_and_probabilities_are_a_classifier() -> None:
    estimator, content = without_zipmap()
    model = load(content)
    assert roles(model.signature) == ("classification", (0, 1, 2), "label", "probabilities")
    response = everything(model, {"X": SOME})
    assert response["label"].tolist() == estimator.predict(SOME).tolist()
    assert_allclose(response["probabilities"], estimator.predict_proba(SOME), rtol=1e-4, atol=1e-6)


def test_a_converted_zipmap_becomes_scores() -> None:
    estimator = classifier(NAMES)
    model = load(converted(estimator))
    assert roles(model.signature) == ("classification", NAMES, "output_label", "output_probability")
    assert model.signature.rowwise
    assert model.signature.outputs[1] == TensorSpec("output_probability", "FP32", (FREE, 3))
    response = everything(model, {"X": SOME})["output_probability"]
    assert response.dtype == np.float32
    assert_allclose(response, estimator.predict_proba(SOME), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("classes", [(0, 1), (-1, 70), ("a", "é")], ids=["indices", "numbers", "texts"])
def test_a_zipmaps_keys_are_the_classes(classes: tuple[Scalar, ...]) -> None:
    model = load(zipmap(classes))
    assert roles(model.signature) == ("classification", classes, "", "y")
    rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert everything(model, {"x": rows})["y"].tolist() == rows.tolist()
    assert everything(model, {"x": rows[:0]})["y"].shape == (0, 2)


def test_classes_out_of_order_are_sorted_with_their_scores() -> None:
    model = load(zipmap((5, 2, 3)))
    assert model.signature.classes == (2, 3, 5)
    assert everything(model, {"x": np.array([[50, 20, 30]], np.float32)})["y"].tolist() == [[20, 30, 50]]


@pytest.mark.parametrize("classes", [(0, 1, 2), NAMES], ids=["numbers", "texts"])
def test_a_zipmaps_classes_are_known_without_a_synthetic_example(classes: tuple[Scalar, ...]) -> None:
    estimator = classifier(classes)
    model = load(converted(estimator, columns=None))  # the weights want 4 columns, and the input leaves them open
    assert model.signature.classes == classes
    response = everything(model, {"X": SOME})["output_probability"]
    assert_allclose(response, estimator.predict_proba(SOME), rtol=1e-4, atol=1e-6)


def test_labels_name_a_classifiers_classes() -> None:
    assert load(zipmap((0, 1)), labels=["a", "b"]).signature.classes == ("a", "b")
    model = load(without_zipmap()[1], labels=["a", "b", "c"])
    assert roles(model.signature) == ("classification", ("a", "b", "c"), "label", "probabilities")


def scores(shape: Sequence[int | str | None] | None, rows: int | str = "N", classes: int = 3) -> bytes:
    """y = x @ w."""
    w = weights("w", np.eye(2, classes, dtype=np.float32))
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return graph(nodes, [tensor("x", FLOAT, [rows, 2])], [tensor("y", FLOAT, shape)], [w])


@pytest.mark.parametrize(("shape", "rows"), [(["N", 3], "N"), (["N", "C"], "N"), (None, "N"), ([1, 3], 1)])
def test_labels_make_a_classifier_of_a_single_output_of_scores(
    shape: Sequence[int | str | None] | None, rows: int | str
) -> None:
    model = load(scores(shape, rows), labels=["a", "b", "c"])
    assert roles(model.signature) == ("classification", ("a", "b", "c"), "", "y")


def test_a_single_output_of_scores_is_no_classifier_without_labels() -> None:
    assert roles(load(scores(["N", 3])).signature) == ("tensors", (), "", "")


@pytest.mark.parametrize(
    ("model", "labels", "message"),
    [
        (scores(["N", 3]), ["a", "b"], "the YAML has 2 labels, but the model returns 3 scores per row"),
        (scores(["N", "C"]), ["a", "b"], "the YAML has 2 labels, but the model returns 3 scores per row"),
        (zipmap((0, 1, 2)), ["a"], "the YAML has 1 labels, but the model returns 3 scores per row"),
        (zipmap((1, 2, 3)), ["a", "b", "c"], r"labels name the classes 0, 1, .* are \[1, 2, 3\]"),
        (zipmap(NAMES), ["a", "b", "c"], r"the model's own classes are \['setosa'"),
        (graph([helper.make_node("ReduceSum", ["x"], ["y"])], [tensor("x", FLOAT, ["N"])], [tensor("y", FLOAT, [1])]),
         ["a"], "no single output with one score per row and class"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_are_rejected(model: bytes, labels: list[str], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        load(model, labels=labels)


def test_labels_may_repeat_a_zipmaps_own_classes() -> None:
    for classes in ((1, 2, 3), NAMES):
        labels = [str(each) for each in classes]
        assert load(zipmap(classes), labels=labels).signature.classes == tuple(labels)


def test_distances_next_to_a_cluster_are_not_probabilities() -> None:
    clusters = KMeans(3, n_init=1, random_state=0).fit(FLOWERS)
    model = load(converted(clusters))
    assert roles(model.signature) == ("tensors", (), "", "")
    assert everything(model, {"X": SOME})["label"].tolist() == clusters.predict(SOME).tolist()


def test_a_regressor_gives_its_numbers() -> None:
    estimator = Ridge().fit(FLOWERS, KINDS)
    response = everything(load(converted(estimator)), {"X": SOME})
    assert_allclose(response["variable"].ravel(), estimator.predict(SOME), rtol=1e-4)


def test_a_sequence_of_tensors_becomes_one_json_text() -> None:
    estimator = MultiOutputClassifier(LogisticRegression(max_iter=50, tol=0.01)).fit(
        FLOWERS, np.stack([KINDS, KINDS % 2], 1)
    )
    model = load(converted(estimator, zipmap=False))
    assert model.signature.outputs[1] == TensorSpec("probabilities", "BYTES", ())
    assert not model.signature.rowwise
    text = everything(model, {"X": SOME})["probabilities"]
    for got, expected in zip(json.loads(text[()]), estimator.predict_proba(SOME), strict=True):
        assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_sequence_of_texts_becomes_json_too() -> None:
    nodes = [helper.make_node("SequenceConstruct", ["x", "x"], ["y"])]
    output = helper.make_tensor_sequence_value_info("y", STRING, ["N"])
    model = load(graph(nodes, [tensor("x", STRING, ["N"])], [output]))
    assert json.loads(everything(model, {"x": np.array(["é", ""], object)})["y"][()]) == [["é", ""], ["é", ""]]


def test_what_is_not_finite_is_null_in_json() -> None:
    nodes = [helper.make_node("SequenceConstruct", ["x"], ["y"])]
    output = helper.make_tensor_sequence_value_info("y", FLOAT, [2])
    model = load(graph(nodes, [tensor("x", FLOAT, [2])], [output]))
    assert everything(model, {"x": np.array([np.nan, 1], np.float32)})["y"][()] == "[[null,1.0]]"


def test_an_optional_output_is_json_or_null() -> None:
    type_ = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, [1]))
    nodes = [helper.make_node("Optional", ["x"], ["y"])]
    model = load(graph(nodes, [tensor("x", FLOAT, [1])], [helper.make_value_info("y", type_)]))
    assert everything(model, {"x": np.ones(1, np.float32)})["y"][()] == "[1.0]"
