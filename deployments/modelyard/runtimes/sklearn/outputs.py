"""The outputs of a fitted estimator: their place in the signature, and the method that computes each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import Pipeline

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.table.columns import datatype_of_values, is_missing
from modelyard.tensors import DTYPES, FREE, Array, Scalar, Task, Tensors, TensorSpec

Convert = Callable[[Any], Array]
"""From the return value of a method to an output."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output."""

    spec: TensorSpec
    method: str
    """The estimator's method that computes it."""
    convert: Convert


@dataclass(frozen=True, slots=True)
class Outputs:
    """All outputs of an estimator."""

    outputs: Sequence[Output]
    task: Task
    classes: tuple[Scalar, ...] = ()
    label: str = ""
    scores: str = ""
    by_name: Mapping[str, Output] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {output.spec.name: output for output in self.outputs})

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """Of all outputs, in order."""
        return tuple(output.spec for output in self.outputs)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all outputs, in order."""
        return tuple(self.by_name)

    def of(self, estimator: Any, rows: Any, wanted: Sequence[str], *, copies: bool = False) -> Tensors:
        """The wanted outputs, each by its own method. No method is called twice. With `copies`, each gets a copy of the rows."""
        returned: dict[str, Any] = {}
        tensors: Tensors = {}
        for name in wanted:
            output = self.by_name[name]
            if output.method not in returned:
                returned[output.method] = getattr(estimator, output.method)(rows.copy() if copies else rows)
            tensors[name] = output.convert(returned[output.method])
        return tensors


def outputs_of(estimator: Any, rows: Any, names: Sequence[str] = ()) -> Outputs:
    """The outputs of a fitted estimator. Their shapes and types are those that it returns for `rows`; if `rows` is None, those
    that such estimators usually return. `names` are the operator's names for the classes, by index.

    Raises LoadError if it cannot compute outputs for new rows, and what the estimator raises.
    """
    if _is(is_classifier, "classifier", estimator):
        return _classifier(estimator, rows, names)
    if names:
        raise LoadError(f"the YAML has `labels`, but a {type(estimator).__name__} is not a classifier")
    final = last_step(estimator)
    if _is(is_outlier_detector, "outlier_detector", estimator):
        return _outlier_detector(final, estimator)
    if not hasattr(estimator, "predict"):
        if not hasattr(estimator, "transform"):
            raise LoadError(
                f"a {type(final).__name__} has neither predict() nor transform(): it cannot compute outputs for new rows"
            )
        return _single(estimator, "features", "transform", "transformation", rows)
    if _is(is_regressor, "regressor", estimator):
        return _single(estimator, "value", "predict", "regression", rows)
    if _is(is_clusterer, "clusterer", estimator) or isinstance(final, GaussianMixture | BayesianGaussianMixture):
        return _single(estimator, "cluster", "predict", "clustering", rows)
    return _single(estimator, "prediction", "predict", "tensors", rows)


def last_step(estimator: Any) -> Any:
    """The last estimator of a pipeline, and of a pipeline at its end; any other estimator itself."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def _is(test: Callable[[Any], bool], kind: str, estimator: Any) -> bool:
    try:
        return test(estimator)
    except (
        AttributeError,
        TypeError,
    ):  # not a scikit-learn estimator; older ones of other libraries have this attribute
        return getattr(estimator, "_estimator_type", None) == kind


def _single(estimator: Any, name: str, method: str, task: Task, rows: Any) -> Outputs:
    example = np.zeros(1) if rows is None else dense(getattr(estimator, method)(rows))
    datatype = "INT64" if task == "clustering" else datatype_of_values(example)
    types = {type(value).__name__ for value in example.ravel().tolist() if not is_missing(value)}
    if datatype == "BYTES" and types - {"str"}:
        raise LoadError(
            f"its {name} are values of several types ({', '.join(sorted(types))}), which no datatype can hold: end the model with "
            "a step that returns numbers, or strings"
        )
    spec = TensorSpec(name, datatype, (FREE, *example.shape[1:]))
    return Outputs([Output(spec, method, _to(datatype))], task)


def _classifier(estimator: Any, rows: Any, names: Sequence[str]) -> Outputs:
    predicted = None if rows is None else dense(estimator.predict(rows))
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        if predicted is None:
            raise LoadError(f"the {type(estimator).__name__} does not declare its classes (classes_)")
        return _single(estimator, "label", "predict", "classification", rows)
    if isinstance(classes, list) or (predicted is not None and predicted.ndim > 1 and predicted.shape[1] > 1):
        return _several_labels(estimator, rows, predicted, names)
    known = np.asarray(classes)
    if names and len(names) != len(known):
        raise LoadError(f"the YAML has {len(names)} labels, but the model has {len(known)} classes")
    datatype = "BYTES" if names else datatype_of_values(known)
    if predicted is not None and datatype_of_values(predicted) == "BYTES":
        datatype = "BYTES"  # a custom `predict` may return other values than the classes
    labels = as_datatype(datatype, names or known)
    flat: Convert = _named(known, labels) if names else _to(datatype)
    outputs = [
        Output(
            TensorSpec("label", datatype, (FREE,)), "predict", lambda returned: flat(returned).reshape(len(returned))
        )
    ]
    scores = _probabilities(estimator, rows)
    has_scores = scores is None or getattr(scores, "shape", ())[1:] == (len(known),)
    if hasattr(estimator, "predict_proba") and has_scores:
        outputs.append(Output(TensorSpec("scores", "FP64", (FREE, len(known))), "predict_proba", _to("FP64")))
    scores_name = "scores" if len(outputs) == 2 else ""
    return Outputs(outputs, "classification", tuple(labels.tolist()), "label", scores_name)


def _several_labels(estimator: Any, rows: Any, predicted: Array | None, names: Sequence[str]) -> Outputs:
    """Several labels per row. Probabilities are one output per label, or one number per label if every label is binary."""
    if names:
        raise LoadError(
            "the YAML has `labels`, but the model returns several labels per row, whose classes they cannot name"
        )
    if predicted is None:
        raise LoadError(
            f"the {type(estimator).__name__} accepts none of the synthetic rows: put a request that works into example.json "
            "next to it"
        )
    datatype = datatype_of_values(predicted)
    label = TensorSpec("labels", datatype, (FREE, *predicted.shape[1:]))
    outputs = [Output(label, "predict", lambda returned: as_datatype(datatype, dense(returned)))]
    scores = _probabilities(estimator, rows)
    if isinstance(scores, list):
        for index, each in enumerate(scores):
            spec = TensorSpec(f"scores_{index}", "FP64", (FREE, np.shape(each)[1]))
            outputs.append(Output(spec, "predict_proba", _item(index)))
    elif scores is not None and np.shape(scores)[1:] == predicted.shape[1:]:
        outputs.append(Output(TensorSpec("scores", "FP64", (FREE, *predicted.shape[1:])), "predict_proba", _to("FP64")))
    return Outputs(outputs, "classification", (), "labels")


def _probabilities(estimator: Any, rows: Any) -> Any:
    """The result of `predict_proba` for these rows; None if it is not available."""
    if rows is None or not hasattr(estimator, "predict_proba"):
        return None
    try:
        return estimator.predict_proba(rows)
    except (AttributeError, NotImplementedError):
        return None


def _outlier_detector(final: Any, estimator: Any) -> Outputs:
    """scikit-learn's conventions: 1 is an inlier and -1 an outlier; the lower the score, the more abnormal the row."""
    if not hasattr(estimator, "predict"):
        raise LoadError(f"a {type(final).__name__} without novelty=True cannot compute outputs for new rows")
    label, score = TensorSpec("label", "INT64", (FREE,)), TensorSpec("score", "FP64", (FREE,))
    outputs = [Output(label, "predict", _to("INT64")), Output(score, "decision_function", _to("FP64"))]
    return Outputs(outputs, "classification", (-1, 1), "label")


def _named(known: Array, labels: Array) -> Convert:
    """Converts labels to the operator's names for the classes. A label that is not a class stays unchanged."""
    names = dict(zip(known.tolist(), labels.tolist(), strict=True))

    def convert(returned: Any) -> Array:
        named = np.empty(len(returned), object)
        named[:] = [names.get(label, str(label)) for label in np.ravel(returned).tolist()]
        return named

    return convert


def _item(index: int) -> Convert:
    return lambda returned: as_datatype("FP64", returned[index])


def _to(datatype: str) -> Convert:
    return lambda returned: as_datatype(datatype, dense(returned))


def as_datatype(datatype: str, values: Any) -> Array:
    """An array of this datatype; strings as Python `str`."""
    array = np.asarray(values)
    if datatype != "BYTES":
        return array.astype(DTYPES[datatype], copy=False)
    if array.dtype.kind != "O":
        return array.astype(object)
    texts = np.empty(array.shape, object)
    texts.ravel()[:] = [value if type(value) is str else str(value) for value in array.ravel().tolist()]
    return texts


def dense(returned: Any) -> Array:
    """The return value of an estimator, which may be a sparse matrix or a data frame, as an array."""
    return np.asarray(returned.toarray() if hasattr(returned, "toarray") else returned)
