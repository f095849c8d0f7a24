"""What a fitted estimator gives: the outputs of its signature, and how each is computed with no step done twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from deployments.runtimes.base import LoadError
from deployments.runtimes.sklearn import forest, linear
from deployments.runtimes.sklearn.signature import datatype_of_values
from deployments.runtimes.sklearn.steps import same_or
from deployments.tensors import DTYPES, FREE, Array, Scalar, Task, Tensors, TensorSpec

LABEL_IS_ARGMAX = (
    BaggingClassifier,
    CalibratedClassifierCV,
    DecisionTreeClassifier,
    ExtraTreeClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
"""Classifiers whose `predict` is by its source the argmax of `predict_proba`, ties included; it need not be computed again.
Others come near: SVC calibrates its probabilities apart from its labels, and linear models round theirs."""

Compute = Callable[[Any], Array]
"""What went through the pipeline's front to one output."""


@dataclass(slots=True)
class Answers:
    """The outputs that an estimator has."""

    specs: tuple[TensorSpec, ...]
    compute: dict[str, Compute]
    task: Task
    classes: tuple[Scalar, ...] = ()
    label: str = ""
    scores: str = ""
    together: Callable[[Any], Tensors] | None = None
    """Label and scores at once, where that is less work than one after the other."""

    def answer(self, rows: Any, wanted: Sequence[str]) -> Tensors:
        """The wanted outputs for what went through the pipeline's front."""
        if self.together and len(wanted) == 2:
            return self.together(rows)
        return {name: self.compute[name](rows) for name in wanted}


def answers_of(final: Any, rows: Any, names: Sequence[str] = ()) -> Answers:
    """The outputs of a pipeline's last step. Their shapes are seen by asking it about these rows. Raises LoadError.

    `names` are the operator's for the classes, by their index.
    """
    if is_classifier(final):
        return _classifier(final, rows, names)
    if is_outlier_detector(final):
        return _outlier_detector(final)
    if not hasattr(final, "predict"):
        raise LoadError(
            f"a {type(final).__name__} has neither predict() nor transform(): it cannot answer for new rows"
        )
    if is_regressor(final):
        return _single("value", _value(final, rows), "regression", rows)
    if is_clusterer(final) or isinstance(final, GaussianMixture | BayesianGaussianMixture):
        return _single("cluster", final.predict, "clustering", rows)
    return _single("prediction", final.predict, "tensors", rows)


def _value(final: Any, rows: Any) -> Compute:
    return same_or(final.predict, linear.value(final) or forest.value(final), rows)


def features_of(rows: Any) -> Answers:
    """The output of a pipeline that only transforms."""
    return _single("features", _dense, "transformation", rows)


def _single(name: str, compute: Compute, task: Task, rows: Any) -> Answers:
    example = np.asarray(compute(rows))
    datatype = "INT64" if task == "clustering" else datatype_of_values(example)
    spec = TensorSpec(name, datatype, (FREE, *example.shape[1:]))
    return Answers((spec,), {name: _as(datatype, compute)}, task)


def _classifier(final: Any, rows: Any, names: Sequence[str]) -> Answers:
    if np.ndim(final.predict(rows)) > 1:
        return _single("labels", final.predict, "classification", rows)
    classes = np.asarray(final.classes_)
    if names and len(names) != len(classes):
        raise LoadError(f"the YAML has {len(names)} labels, and the model {len(classes)} classes")
    datatype = "BYTES" if names else datatype_of_values(classes)
    labels = as_datatype(datatype, names or classes)
    label, scores = TensorSpec("label", datatype, (FREE,)), TensorSpec("scores", "FP64", (FREE, len(classes)))
    answers = Answers((label,), {}, "classification", tuple(labels.tolist()), "label")
    quick = linear.decision(final)
    decide = quick if quick and same_or(final.decision_function, quick, rows) is quick else None
    if decide:
        answers.compute["label"] = lambda x: labels[linear.indices(decide(x))]
    elif names:
        answers.compute["label"] = lambda x: labels[np.searchsorted(classes, final.predict(x))]
    else:
        answers.compute["label"] = _as(datatype, final.predict)
    if hasattr(final, "predict_proba"):
        answers.specs, answers.scores = (label, scores), "scores"
        _add_scores(answers, final, decide, labels, rows)
    return answers


def _add_scores(answers: Answers, final: Any, decide: Compute | None, labels: Array, rows: Any) -> None:
    of_decision = linear.probabilities(final)
    if decide and of_decision:
        answers.compute["scores"] = lambda x: of_decision(decide(x))

        def decided(x: Any) -> Tensors:
            found = decide(x)
            return {"label": labels[linear.indices(found)], "scores": of_decision(found)}

        answers.together = decided
        return
    compute = same_or(final.predict_proba, forest.probabilities(final), rows)
    answers.compute["scores"] = compute = _as("FP64", compute)
    if type(final) in LABEL_IS_ARGMAX:
        answers.compute["label"] = lambda x: labels[compute(x).argmax(axis=1)]

        def likeliest(x: Any) -> Tensors:
            scores = compute(x)
            return {"label": labels[scores.argmax(axis=1)], "scores": scores}

        answers.together = likeliest


def _outlier_detector(final: Any) -> Answers:
    """1 is an inlier and -1 an outlier; the lower the score, the stranger the row. scikit-learn's conventions, kept."""
    if not hasattr(final, "predict"):
        raise LoadError(f"a {type(final).__name__} without novelty=True cannot answer for new rows")
    compute = {"label": _as("INT64", final.predict), "score": _as("FP64", final.decision_function)}
    specs = (TensorSpec("label", "INT64", (FREE,)), TensorSpec("score", "FP64", (FREE,)))
    return Answers(specs, compute, "classification", (-1, 1), "label")


def _as(datatype: str, compute: Compute) -> Compute:
    return lambda rows: as_datatype(datatype, compute(rows))


def as_datatype(datatype: str, values: Any) -> Array:
    """An array of this datatype; strings as Python's own."""
    array = np.asarray(values)
    if datatype != "BYTES":
        return array.astype(DTYPES[datatype], copy=False)
    if array.dtype.kind != "O":
        return array.astype(object)
    texts = np.empty(array.shape, object)
    texts.ravel()[:] = [value if type(value) is str else str(value) for value in array.ravel().tolist()]
    return texts


def _dense(features: Any) -> Array:
    return np.asarray(features.toarray() if hasattr(features, "toarray") else features)
