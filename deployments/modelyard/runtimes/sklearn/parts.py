"""The estimators inside pipelines, ensembles and other estimators."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import _CalibratedClassifier
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import _ConstantPredictor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from modelyard.runtimes.sklearn.table import boosters

FITTED_INSIDE = (
    "best_estimator_",
    "estimators_",
    "estimator_",
    "regressor_",
    "classifier_",
    "calibrated_classifiers_",
)
"""Attributes in which meta-estimators store the fitted estimators that read the same rows. The first one present counts: in
ensembles with `estimators_`, `estimator_` is an unfitted template."""
_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))
NAMES = ("feature_names_in_", "_sklearn_output_config")
"""Attributes that record that an estimator was fitted with a data frame, or must return one."""
KNOWN_CODE = ("sklearn", "numpy", "scipy", "imblearn", "lightgbm", "xgboost", "catboost")
"""Packages whose estimators are library code. All other code counts as the operator's."""
ROW_BY_ROW = (*KNOWN_CODE, "category_encoders")
"""Packages whose estimators compute each row independently."""


def parts(estimator: Any) -> Iterator[Any]:
    """The estimator and every one inside it, fitted or not, each once."""
    for value in _values(estimator):
        if _is_estimator(value):
            yield value


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "get_params") and not isinstance(value, type)


def _values(root: Any, *, closed: tuple[type, ...] = ()) -> Iterator[Any]:
    """Every object that is reachable through scikit-learn's own classes and estimators, each once; not through `closed` classes."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, np.ndarray) and value.dtype == object:
            waiting.extend(value.ravel().tolist())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif type(value) not in _PLAIN and id(value) not in seen:
            seen.add(id(value))
            yield value
            if isinstance(value, partial):
                waiting.append(value.func)
            is_known = type(value).__module__.partition(".")[0] == "sklearn" or isinstance(value, BaseEstimator)
            if is_known and hasattr(value, "__dict__") and not isinstance(value, type) and type(value) not in closed:
                waiting.extend(vars(value).values())


def steps(estimator: Any) -> list[Any]:
    """The estimators that rows pass through, in order. Nested pipelines are flattened; subclasses of Pipeline, whose methods may
    differ, are not."""
    if type(estimator) is not Pipeline:
        return [estimator]
    return [step for _, part in estimator.steps if part not in (None, "passthrough") for step in steps(part)]


def inside(estimator: Any) -> list[Any]:
    """The fitted estimators inside this one that read the same rows; empty if this one reads them itself."""
    if isinstance(estimator, FrozenEstimator):
        return [estimator.estimator]
    for name in FITTED_INSIDE:
        members = flat(getattr(estimator, name, None))
        # A calibrated classifier stores its estimator in a holder that is not an estimator. If there was only one class, a
        # constant replaces the estimator.
        members = [each if hasattr(each, "get_params") else getattr(each, "estimator", None) for each in members]
        estimators = [
            each for each in members if hasattr(each, "get_params") and not isinstance(each, _ConstantPredictor)
        ]
        if estimators:
            return estimators
    return []


def flat(found: Any) -> list[Any]:
    """The estimators in nested lists or arrays. (numpy treats an ensemble as a sequence.)"""
    if isinstance(found, np.ndarray):
        found = found.ravel().tolist()
    if isinstance(found, list | tuple):
        return [each for item in found for each in flat(item)]
    return [] if found is None else [found]


def effective(estimator: Any) -> Any:
    """The estimator that predicts: for a search, the best estimator that it found."""
    while isinstance(estimator, BaseSearchCV | FrozenEstimator) and type(estimator).__module__.startswith("sklearn."):
        estimator = estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator.best_estimator_
    return estimator


def limit_jobs_and_output(estimator: Any) -> None:
    """Make every part use one thread and print nothing.

    A pool of threads or processes for each request is slower than none, and uses the cores of other replicas.
    """
    for part in parts(estimator):
        if vars(part).get("n_jobs") is not None:
            part.n_jobs = 1
        if vars(part).get("verbose"):
            part.verbose = 0
        boosters.use_one_thread(part)


def without_names(estimator: Any) -> Any:
    """A copy that takes and returns plain arrays. It shares the fitted arrays with the original.

    An estimator that was fitted with a data frame warns at every call with an array.
    """
    return _CopierWithoutNames().copy(estimator)


class _CopierWithoutNames:
    """Copies estimators, each once, and the containers that hold them."""

    def __init__(self) -> None:
        self._copies: dict[int, Any] = {}

    def copy(self, value: Any) -> Any:
        if type(value) in (list, tuple):
            return type(value)(self.copy(item) for item in value)
        if type(value) is dict:
            return {key: self.copy(item) for key, item in value.items()}
        if isinstance(value, np.ndarray) and value.dtype == object:
            array = np.empty_like(value)
            array.ravel()[:] = [self.copy(item) for item in value.ravel().tolist()]
            return array
        if not isinstance(value, BaseEstimator | _CalibratedClassifier):
            return value
        if id(value) not in self._copies:
            self._copies[id(value)] = self._estimator(value)
        return self._copies[id(value)]

    def _estimator(self, value: Any) -> Any:
        copied = object.__new__(type(value))
        state = {name: self.copy(item) for name, item in vars(value).items() if name not in NAMES}
        if "transformers_" in state:  # of a ColumnTransformer
            state["transformers_"] = [
                (name, transformer, indices_of(value, name, chosen))
                for name, transformer, chosen in state["transformers_"]
            ]
        vars(copied).update(state)
        return copied


def indices_of(part: ColumnTransformer, name: str, chosen: Any) -> Any:
    """The columns of one of its transformers as numbers; one number if it takes a column as a vector, as text vectorizers do."""
    # Private, but the only attribute in which names, slices, masks and callables are all resolved to numbers.
    indices = part._transformer_to_input_indices.get(name, [])
    return indices[0] if isinstance(chosen, str | int) else indices


def holds_other_code(estimator: Any) -> bool:
    """Whether it contains classes or functions that are not of the libraries in KNOWN_CODE."""
    return any(_is_other_code(value, KNOWN_CODE) for value in _values(estimator))


def row_mixing_code(estimator: Any) -> str:
    """The name of a function or class in it that may combine several rows; "" if there is none.

    A trial cannot exclude that: the function may do so for values that no trial contains. A function of a text vectorizer is
    safe: it gets one text.
    """
    for value in _values(estimator, closed=(TfidfVectorizer, CountVectorizer, HashingVectorizer)):
        function = value.func if isinstance(value, FunctionTransformer) else None
        if function is not None and not _is_elementwise(function):
            return _name(function)
        if _is_other_code(value, ROW_BY_ROW):
            return _name(value)
    return ""


def _is_elementwise(function: Any) -> bool:
    return isinstance(function.func if isinstance(function, partial) else function, np.ufunc)


def _name(value: Any) -> str:
    value = value.func if isinstance(value, partial) else value
    return str(getattr(value, "__name__", type(value).__name__))


def is_known(estimator: Any, packages: tuple[str, ...] = KNOWN_CODE) -> bool:
    """Whether its class comes from one of these packages."""
    return type(estimator).__module__.partition(".")[0] in packages


def _is_other_code(value: Any, known: tuple[str, ...]) -> bool:
    if _is_estimator(value):
        return not is_known(value, known)
    if isinstance(value, np.ufunc | partial | np.random.RandomState) or not callable(value):
        return False
    module = getattr(value, "__module__", None) or type(value).__module__
    return str(module).partition(".")[0] not in (*known, "builtins")
