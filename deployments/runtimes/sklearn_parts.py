"""What an estimator is made of: the estimators inside pipelines, ensembles and other estimators."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

INNER = ("best_estimator_", "regressor_", "estimator_", "estimators_", "calibrated_classifiers_", "estimator")
"""Where estimators that wrap others keep a fitted one that reads the same rows."""


def parts(estimator: Any) -> Iterator[Any]:
    """The estimator and every one inside it, each once."""
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        value = waiting.pop()
        if isinstance(value, np.ndarray) and value.dtype == object:
            waiting.extend(value.ravel().tolist())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif hasattr(value, "__dict__") and not isinstance(value, type) and id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, BaseEstimator):
                yield value
            if type(value).__module__.startswith("sklearn.") or isinstance(value, BaseEstimator):
                waiting.extend(vars(value).values())


def steps(estimator: Any) -> list[Any]:
    """The estimators that rows go through one after the other; pipelines in pipelines are laid flat."""
    if not isinstance(estimator, Pipeline):
        return [estimator]
    return [step for _, part in estimator.steps if part not in (None, "passthrough") for step in steps(part)]


def inner(estimator: Any) -> Any:
    """A fitted estimator inside this one that reads the same rows, or None."""
    for name in INNER:
        found = getattr(estimator, name, None)
        if isinstance(found, list | np.ndarray) and len(found):
            found = np.ravel(np.asarray(found, dtype=object))[0]
        found = getattr(found, "estimator", found) if type(found).__name__ == "_CalibratedClassifier" else found
        if isinstance(found, BaseEstimator):
            return found
    return None


def served(estimator: Any) -> Any:
    """The estimator that answers: a search answers with the best that it found."""
    return served(estimator.best_estimator_) if hasattr(estimator, "best_estimator_") else estimator


def settle(estimator: Any) -> None:
    """Make every part take and give plain arrays, on one thread.

    Parts fitted with a data frame would warn at every call without one. A pool of threads or processes for each request
    is slower than none, and takes the cores of other replicas.
    """
    for part in parts(estimator):
        for name in ("feature_names_in_", "_sklearn_output_config"):
            vars(part).pop(name, None)
        if vars(part).get("n_jobs") is not None:
            part.n_jobs = 1
        if isinstance(part, ColumnTransformer):
            # Private, but the only place where names, slices, masks and callables have all become indices.
            indices = part._transformer_to_input_indices
            part.transformers_ = [(name, inside, indices.get(name, [])) for name, inside, _ in part.transformers_]
