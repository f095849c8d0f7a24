"""What a fitted estimator gives: the outputs of its signature, and how each is computed with no step done twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from deployments.runtimes.base import LoadError
from deployments.runtimes.sklearn_parts import steps
from deployments.runtimes.sklearn_signature import datatype_of_values
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
"""The final estimator's X to one output."""


@dataclass(slots=True)
class Answers:
    """The outputs that an estimator has."""

    specs: tuple[TensorSpec, ...]
    compute: dict[str, Compute]
    task: Task
    front: tuple[Any, ...]
    """The steps before the final estimator, in order; each has `transform`."""
    classes: tuple[Scalar, ...] = ()
    label: str = ""
    scores: str = ""
    label_of_scores: Callable[[Array], Array] | None = None
    """Where labels need no computing of their own."""

    def answer(self, rows: Any, wanted: Sequence[str]) -> Tensors:
        """The wanted outputs; X goes through the front once."""
        for step in self.front:
            rows = step.transform(rows)
        outputs: Tensors = {}
        if self.label_of_scores and self.scores in wanted and self.label in wanted:
            scores = self.compute[self.scores](rows)
            outputs = {self.scores: scores, self.label: self.label_of_scores(scores)}
        for name in wanted:
            if name not in outputs:
                outputs[name] = self.compute[name](rows)
        return outputs


def answers_of(estimator: Any, example: Any) -> Answers:
    """The outputs of a fitted estimator. Their shapes are seen by asking it about the example. Raises LoadError."""
    *front, final = steps(estimator)
    rows = example
    for step in front:
        rows = step.transform(rows)
    if is_classifier(final):
        return _classifier(final, tuple(front), rows)
    if is_outlier_detector(final):
        return _outlier_detector(final, tuple(front), rows)
    task: Task = "regression" if is_regressor(final) else "clustering" if is_clusterer(final) else "tensors"
    if hasattr(final, "predict"):
        name = {"regression": "value", "clustering": "cluster"}.get(task, "prediction")
        return _single(name, final.predict, task, tuple(front), rows)
    if hasattr(final, "transform"):
        return _single("features", lambda x: _dense(final.transform(x)), "transformation", tuple(front), rows)
    raise LoadError(f"a {type(final).__name__} has neither predict() nor transform(): it cannot answer for new rows")


def _single(name: str, compute: Compute, task: Task, front: tuple[Any, ...], rows: Any) -> Answers:
    example = np.asarray(compute(rows))
    datatype = "INT64" if task == "clustering" else datatype_of_values(example)
    spec = TensorSpec(name, datatype, (FREE, *example.shape[1:]))
    return Answers((spec,), {name: _as(datatype, compute)}, task, front)


def _classifier(final: Any, front: tuple[Any, ...], rows: Any) -> Answers:
    example = np.asarray(final.predict(rows))
    if example.ndim > 1:
        return _single("labels", final.predict, "classification", front, rows)
    values = np.asarray(final.classes_)
    datatype = datatype_of_values(values)
    specs = [TensorSpec("label", datatype, (FREE,))]
    compute = {"label": _as(datatype, final.predict)}
    answers = Answers((), compute, "classification", front, _plain(datatype, values), "label")
    if hasattr(final, "predict_proba"):
        specs.append(TensorSpec("scores", "FP64", (FREE, len(values))))
        compute["scores"] = _as("FP64", final.predict_proba)
        answers.scores = "scores"
        if type(final) in LABEL_IS_ARGMAX:
            labels = as_datatype(datatype, values)
            answers.label_of_scores = lambda scores: labels[scores.argmax(axis=1)]
    answers.specs = tuple(specs)
    return answers


def _outlier_detector(final: Any, front: tuple[Any, ...], rows: Any) -> Answers:
    """1 is an inlier and -1 an outlier; the lower the score, the stranger the row. scikit-learn's conventions, kept."""
    if not hasattr(final, "predict"):
        raise LoadError(f"a {type(final).__name__} without novelty=True cannot answer for new rows")
    compute = {"label": _as("INT64", final.predict), "score": _as("FP64", final.decision_function)}
    specs = (TensorSpec("label", "INT64", (FREE,)), TensorSpec("score", "FP64", (FREE,)))
    return Answers(specs, compute, "classification", front, (-1, 1), "label")


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


def _plain(datatype: str, classes: Array) -> tuple[Scalar, ...]:
    return tuple(as_datatype(datatype, classes).tolist())


def _dense(features: Any) -> Array:
    return np.asarray(features.toarray() if hasattr(features, "toarray") else features)
