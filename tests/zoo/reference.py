"""The reference outputs of a fitted estimator, by the names of the served outputs."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from modelyard.tensors import Tensors
from tests.zoo.case import ModelRaised
from tests.zoo.tables import Reading, Rows, Table


class ReferenceEstimator:
    """Calls the estimator's own methods, with input in the form of the fit."""

    def __init__(self, estimator: Any, table: Table, labels: Sequence[str] = ()) -> None:
        """`labels` are the operator's names for the classes."""
        self.estimator = estimator
        self.table = table
        self._labels = list(labels)

    def __call__(self, rows: Rows, reading: Reading = "fitted") -> Tensors:
        """Every output for these rows in one call. Raises ModelRaised."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # warnings of the model about the rows are expected
            try:
                found = {name: dense(method(self.table.x(rows, reading))) for name, method in self._methods().items()}
            except Exception as error:
                raise ModelRaised(f"{type(error).__name__}: {error}") from error
        label = found.get("label")
        if label is None:
            return found
        if label.ndim == 2 and label.shape[1] > 1:
            return _of_several(found)
        flat = label.ravel()  # CatBoost returns a column
        if self._labels:
            flat = np.array([self._labels[self._own_classes.index(value)] for value in flat.tolist()], object)
        return found | {"label": flat}

    @property
    def classes(self) -> list[Any] | None:
        """A classifier's named classes, in the order of its scores; None if there are none, or several lists of them."""
        return self._labels or self._own_classes or None

    @property
    def _own_classes(self) -> list[Any]:
        if is_outlier_detector(self.estimator):
            return [-1, 1]
        classes = getattr(self.estimator, "classes_", None) if is_classifier(self.estimator) else None
        return classes.tolist() if isinstance(classes, np.ndarray) and classes.ndim == 1 else []

    def _methods(self) -> dict[str, Any]:
        model = self.estimator
        if is_classifier(model):
            with_scores = {"scores": model.predict_proba} if hasattr(model, "predict_proba") else {}
            return {"label": model.predict, **with_scores}
        if is_outlier_detector(model):
            return {"label": model.predict, "score": model.decision_function}
        if not hasattr(model, "predict"):
            return {"features": model.transform}
        if is_regressor(model):
            return {"value": model.predict}
        end = model.steps[-1][1] if hasattr(model, "steps") else model
        if is_clusterer(model) or isinstance(end, GaussianMixture | BayesianGaussianMixture):
            return {"cluster": model.predict}
        return {"prediction": model.predict}


def dense(output: Any) -> Any:
    """An output as an array, or a list of arrays; scikit-learn also returns sparse ones."""
    if isinstance(output, list):  # predict_proba of several outputs
        return [np.asarray(each) for each in output]
    return np.asarray(output.toarray() if hasattr(output, "toarray") else output)


def _of_several(found: Tensors) -> Tensors:
    """The outputs of a classifier with several labels per row. Its scores are one number per label, or a table for each label."""
    tensors = {"labels": found["label"]}
    scores = found.get("scores")
    if isinstance(scores, list):
        return tensors | {f"scores_{index}": each for index, each in enumerate(scores)}
    return tensors if scores is None else tensors | {"scores": scores}
