"""The classes of converted classifiers: from the graph, and each with its own score."""

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import onnxruntime
import pytest
import xgboost
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.onnx.model import OnnxModel
from tests.unit.runtimes.onnx_graphs import everything, graph, load, tensor, weights
from tests.unit.runtimes.test_onnx_over_json import predict_json

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
TRAINED, SOME = slice(0, None, 2), X[1::6]
LOGISTIC = LogisticRegression(max_iter=20, tol=0.1)
TARGETS = {
    "numbers": np.array([10, 20, 35]),
    "two numbers": np.array([7, -3]),
    "texts": np.array(["z", "é", "m"]),
    "two texts": np.array(["no", "maybe"]),
    "booleans": np.array([True, False]),
}
CLASSIFIERS: dict[str, BaseEstimator] = {
    "logistic regression": LOGISTIC,
    "perceptron": Perceptron(max_iter=5, tol=None),
    "ridge": RidgeClassifier(),
    "forest": RandomForestClassifier(3, random_state=0),
    "extra trees": ExtraTreesClassifier(3, random_state=0),
    "gradient boosting": GradientBoostingClassifier(n_estimators=2),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=2),
    "adaboost": AdaBoostClassifier(n_estimators=2),
    "bagging": BaggingClassifier(n_estimators=2, random_state=0),
    "soft voting": VotingClassifier([("a", LOGISTIC), ("b", GaussianNB())], voting="soft", flatten_transform=False),
    "hard voting": VotingClassifier([("a", LOGISTIC), ("b", GaussianNB())], flatten_transform=False),
    "stacking": StackingClassifier([("a", LOGISTIC), ("b", GaussianNB())], cv=2),
    "calibrated": CalibratedClassifierCV(GaussianNB(), cv=2),
    "one against the rest": OneVsRestClassifier(LOGISTIC),
    "support vectors": SVC(),
    "linear support vectors": LinearSVC(),
    "Gaussian naive Bayes": GaussianNB(),
    "multinomial naive Bayes": MultinomialNB(),
    "Bernoulli naive Bayes": BernoulliNB(binarize=2.0),
    "neighbours": KNeighborsClassifier(3),
    "network": MLPClassifier((4,), max_iter=20, tol=1, random_state=0),
    "tree": DecisionTreeClassifier(max_depth=2),
    "discriminants": LinearDiscriminantAnalysis(),
    "a pipeline": make_pipeline(StandardScaler(), KNeighborsClassifier(3)),
    "a search": GridSearchCV(LOGISTIC, {"C": [1.0]}, cv=2),
}
NO_SCORE_A_CLASS = {"ridge": "two", "linear support vectors": "two", "support vectors": "two"}
"""Their decision function is one number for two classes; for support vectors the converter writes the wrong two."""


def fitted(estimator: BaseEstimator, target: str) -> BaseEstimator:
    names = TARGETS[target]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(estimator).fit(X[TRAINED], names[Y[TRAINED] % len(names)])


def converted(estimator: BaseEstimator, **options: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = None if isinstance(estimator, LinearSVC) else {id(estimator): options}  # it has no ZipMap to leave out
        model = to_onnx(estimator, X[:1], options=chosen, target_opset={"": 18, "ai.onnx.ml": 3})
    return bytes(model.SerializeToString())


def check_confidences(model: OnnxModel, content: bytes, classes: Sequence[Any]) -> None:
    """Labels are onnxruntime's, and each confidence is the score of the label, in the column of its class."""
    session = onnxruntime.InferenceSession(content)
    label, scores = session.run(None, {session.get_inputs()[0].name: SOME})
    response = predict_json(model, {"instances": SOME.tolist(), "probabilities": True})
    assert response["predictions"] == np.ravel(label).tolist()
    assert response["classes"] == list(classes)
    own = [row[name] for row, name in zip(scores, response["predictions"], strict=True)] if type(scores) is list else [
        row[list(classes).index(name)] for row, name in zip(scores, response["predictions"], strict=True)
    ]  # fmt: skip
    assert response["confidences"] == pytest.approx(own, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("target", ["numbers", "two texts"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classes_and_scores_are_the_estimators_own(name: str, target: str) -> None:
    estimator = fitted(CLASSIFIERS[name], target)
    content = converted(estimator, zipmap=False)
    model = load(content)
    classes = estimator.classes_.tolist()
    if NO_SCORE_A_CLASS.get(name) == target.split(maxsplit=1)[0]:
        assert (model.signature.label, model.signature.task) == ("label", "classification")
        assert (list(model.signature.classes), model.signature.scores) == (classes, "")
        assert predict_json(model, {"instances": SOME.tolist()})["predictions"] == estimator.predict(SOME).tolist()
        return
    assert list(model.signature.classes) == classes
    check_confidences(model, content, classes)
    if hasattr(estimator, "predict_proba") and name != "discriminants":  # whose converter is for logistic regression
        expected = estimator.predict_proba(SOME)
        np.testing.assert_allclose(everything(model, {"X": SOME})["probabilities"], expected, atol=1e-4)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["logistic regression", "Gaussian naive Bayes", "forest", "network"])
def test_labels_of_every_kind_are_found(name: str, target: str) -> None:
    estimator = fitted(CLASSIFIERS[name], target)
    content = converted(estimator, zipmap=False)
    model = load(content)
    assert list(model.signature.classes) == estimator.classes_.tolist()
    check_confidences(model, content, estimator.classes_.tolist())


@pytest.mark.parametrize("name", ["logistic regression", "Gaussian naive Bayes"])
def test_classes_are_known_without_a_synthetic_example(name: str) -> None:
    from skl2onnx.common.data_types import FloatTensorType

    estimator = fitted(CLASSIFIERS[name], "texts")
    types = [("X", FloatTensorType([None, None]))]  # the weights want 4 columns
    model = load(
        to_onnx(estimator, initial_types=types, options={id(estimator): {"zipmap": False}}).SerializeToString()
    )
    assert list(model.signature.classes) == estimator.classes_.tolist()
    assert (model.signature.scores, model.signature.rowwise) == ("probabilities", True)


def test_a_zipmap_and_the_classes_without_it_agree() -> None:
    estimator = fitted(CLASSIFIERS["neighbours"], "numbers")
    with_it, without = (load(converted(estimator, zipmap=zipmap)) for zipmap in (True, False))
    assert with_it.signature.classes == without.signature.classes == (10, 20, 35)


def test_a_score_in_an_output_of_its_own_keeps_its_name() -> None:
    estimator = fitted(LOGISTIC, "numbers")
    model = load(converted(estimator, zipmap="columns"))
    assert [spec.name for spec in model.signature.outputs] == ["output_label", "i10", "i20", "i35"]
    [row] = predict_json(model, {"instances": SOME[:1].tolist()})["predictions"]
    expected = estimator.predict_proba(SOME[:1])[0]
    assert [row["i10"], row["i20"], row["i35"]] == pytest.approx(expected, abs=1e-5)


def test_several_labels_a_row_are_no_classifier() -> None:
    targets = np.stack([Y > 0, Y % 2], 1)
    for estimator in (KNeighborsClassifier(3), MLPClassifier((3,), max_iter=30, tol=1)):
        model = load(converted(estimator.fit(X, targets), zipmap=False))
        assert model.signature.task == "tensors"
        label = everything(model, {"X": SOME})["label"]
        np.testing.assert_array_equal(label, estimator.predict(SOME))


@cache
def lightgbm_model(target: str, zipmap: bool) -> tuple[Any, bytes]:
    return boosted(lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1), TARGETS[target], zipmap=zipmap)


def boosted(estimator: Any, names: Any, **options: Any) -> tuple[Any, bytes]:
    """A LightGBM or XGBoost model and its graph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType

        estimator.fit(X, names[Y % len(names)])
        convert = onnxmltools.convert_lightgbm if options else onnxmltools.convert_xgboost
        types = [("x", FloatTensorType([None, 4]))]
        return estimator, bytes(convert(estimator, initial_types=types, target_opset=15, **options).SerializeToString())


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("target", ["numbers", "two numbers", "texts"])
def test_lightgbms_classes_are_its_own(target: str, zipmap: bool) -> None:
    estimator, content = lightgbm_model(target, zipmap)
    model = load(content)
    assert model.signature.rowwise
    check_confidences(model, content, estimator.classes_.tolist())
    expected = estimator.predict_proba(SOME)
    np.testing.assert_allclose(everything(model, {"x": SOME})["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_xgboosts_classes_are_its_own(classes: int) -> None:
    estimator, content = boosted(xgboost.XGBClassifier(n_estimators=2, n_jobs=1), np.arange(classes))
    model = load(content)
    check_confidences(model, content, list(range(classes)))
    np.testing.assert_allclose(
        everything(model, {"x": SOME})["probabilities"], estimator.predict_proba(SOME), atol=1e-5
    )


@pytest.mark.parametrize("target", ["numbers", "two numbers", "texts"])
def test_catboosts_classes_are_its_own(target: str, tmp_path: Path) -> None:
    names = TARGETS[target]
    estimator = catboost.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False, thread_count=1)
    estimator.fit(X, names[Y % len(names)]).save_model(str(tmp_path / "model.onnx"), format="onnx")
    model = load((tmp_path / "model.onnx").read_bytes())
    assert list(model.signature.classes) == estimator.classes_.tolist()
    np.testing.assert_allclose(
        everything(model, {"features": SOME})["probabilities"], estimator.predict_proba(SOME), atol=1e-5
    )
    response = predict_json(model, {"instances": SOME.tolist()})
    if target == "two numbers":  # onnxruntime returns 0 and 1 as labels for this graph
        assert set(response["predictions"]) <= {0, 1}
        assert set(response["confidences"]) == {None}
        [note] = model.notes
        assert "the graph's classes are [-3, 7]" in note
    else:
        assert response["predictions"] == estimator.predict(SOME).ravel().tolist()
        assert (response["confidences"], model.notes) == (
            pytest.approx(estimator.predict_proba(SOME).max(1), abs=1e-5),
            (),
        )


def named(last: Sequence[Any], type_: int = STRING, order: Sequence[int] = (0, 1, 2)) -> bytes:
    """Logits to a softmax in this order of columns, and to a label by these nodes from `place`, the place of the largest."""
    nodes = [
        helper.make_node("ArgMax", ["x"], ["place"], axis=1, keepdims=0),
        helper.make_node("Gather", ["x", "order"], ["ordered"], axis=1),
        helper.make_node("Softmax", ["ordered"], ["probabilities"]),
        *last,
    ]
    outputs = [tensor("label", type_, ["N"]), tensor("probabilities", FLOAT, ["N", 3])]
    table = [weights("names", np.array(["low", "mid", "high"], object)), weights("order", np.array(order))]
    return graph(nodes, [tensor("x", FLOAT, ["N", 3])], outputs, table)


LOOKED_UP = [helper.make_node("Gather", ["names", "place"], ["label"])]
PLACES = [helper.make_node("Identity", ["place"], ["label"])]
DOUBLED = [helper.make_node("Add", ["place", "place"], ["label"])]
ENCODED = [
    helper.make_node(
        "LabelEncoder", ["place"], ["label"], domain="ai.onnx.ml", keys_int64s=[0, 1, 2], values_strings=["a", "b", "c"]
    )
]


@pytest.mark.parametrize(
    ("model", "classes", "scores"),
    [
        (named(LOOKED_UP), ("low", "mid", "high"), "probabilities"),
        (named(ENCODED), ("a", "b", "c"), "probabilities"),
        (named(PLACES, INT64), (0, 1, 2), "probabilities"),
        (named(DOUBLED, INT64), (), "probabilities"),
        (named(LOOKED_UP, order=(2, 0, 1)), ("low", "mid", "high"), ""),
    ],
    ids=["looked up", "encoded", "places", "computed", "scores in another order"],
)
def test_a_label_by_the_largest_score_declares_its_classes_only_if_they_are_certain(
    model: bytes, classes: tuple[Any, ...], scores: str
) -> None:
    signature = load(model).signature
    assert (signature.task, signature.classes) == ("classification", classes)
    assert (signature.label, signature.scores) == ("label", scores)


def test_scores_of_other_rows_than_the_labels_are_no_scores() -> None:
    nodes = [
        helper.make_node("ArgMax", ["x"], ["place"], axis=1, keepdims=0),
        *LOOKED_UP,
        helper.make_node("Concat", ["x", "x"], ["probabilities"], axis=0),
    ]
    outputs = [tensor("label", STRING, ["N"]), tensor("probabilities", FLOAT, ["M", 3])]
    names = weights("names", np.array(["low", "mid", "high"], object))
    signature = load(graph(nodes, [tensor("x", FLOAT, ["N", 3])], outputs, [names])).signature
    assert (signature.scores, signature.rowwise) == ("", False)


def test_the_yamls_labels_are_checked_against_the_labels_that_the_graph_returns() -> None:
    labels = ["a", "b", "c"]
    assert load(named(PLACES, INT64), labels=labels).signature.classes == ("a", "b", "c")
    with pytest.raises(LoadError, match=r"labels name the classes 0, 1, \.\.\., but the model returns 4"):
        load(named(DOUBLED, INT64), labels=labels)
    assert load(named(PLACES, INT64, order=(2, 0, 1)), labels=labels).signature.scores == ""
    content = converted(fitted(LOGISTIC, "numbers"), zipmap=False)
    with pytest.raises(LoadError, match=r"the model's own classes are \[10, 20, 35\]"):
        load(content, labels=labels)
    assert load(content, labels=["10", "20", "35"]).signature.classes == ("10", "20", "35")
