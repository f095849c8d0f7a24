"""What an estimator is made of: the estimators inside pipelines, ensembles and other estimators."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

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


def keep_quiet(estimator: Any) -> None:
    """Make every part work on one thread, and print nothing.

    A pool of threads or processes for each request is slower than none, and takes the cores of other replicas.
    """
    for part in parts(estimator):
        if vars(part).get("n_jobs") is not None:
            part.n_jobs = 1
        if vars(part).get("verbose"):
            part.verbose = 0


def take_arrays(estimator: Any) -> None:
    """Make every part take and give plain arrays: those fitted with a data frame would warn at every call without one."""
    for part in parts(estimator):
        for name in ("feature_names_in_", "_sklearn_output_config"):
            vars(part).pop(name, None)
        if isinstance(part, ColumnTransformer):
            part.transformers_ = [
                (name, inside, indices_of(part, name, chosen)) for name, inside, chosen in part.transformers_
            ]


def indices_of(part: ColumnTransformer, name: str, chosen: Any) -> Any:
    """The columns of one of its transformers as numbers: one number where it takes that column alone, as texts are."""
    # Private, but the only place where names, slices, masks and callables have all become numbers.
    indices = part._transformer_to_input_indices.get(name, [])
    return indices[0] if isinstance(chosen, str | int) else indices


def needs_frames(estimator: Any) -> bool:
    """Whether it holds code that is not scikit-learn's own, which may count on the names of a data frame."""
    return any(not _takes_arrays(part) for part in parts(estimator))


def _takes_arrays(part: Any) -> bool:
    if isinstance(part, FunctionTransformer):
        return part.func is None or isinstance(part.func, np.ufunc | partial)
    return type(part).__module__.startswith("sklearn.")
