"""Scaling and linear models in plain numpy.

For one row, scikit-learn spends 300 microseconds on input checks for every microsecond of arithmetic. These functions do the same
arithmetic in the same order. If that is not certain, there is no function, and the estimator itself computes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import issparse  # type: ignore[import-untyped]  # it ships no types
from scipy.special import expit  # type: ignore[import-untyped]  # the same
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeCV,
    SGDRegressor,
)
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVR

from modelyard.tensors import Array

LINEAR = (
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LinearSVR,
    Ridge,
    RidgeCV,
    SGDRegressor,
)
"""Regressors whose `predict` is a product and a sum. Each is compared with the estimator before use, see `fast_if_equal`."""

Function = Callable[[Any], Array]

_is_finite, _is_inf, _all, _any = np.isfinite, np.isinf, np.logical_and.reduce, np.logical_or.reduce
_max, _sum, _exp = np.maximum.reduce, np.add.reduce, np.exp


class NotFiniteError(ValueError):
    """NaN or infinity for a model that rejects them, for which scikit-learn raises ValueError."""


def scale(scaler: Any) -> Function | None:
    """A function that equals `transform` of this fitted scaler or imputer for a dense FP64 table; None for other estimators."""
    if type(scaler) is StandardScaler and scaler.with_mean and scaler.with_std:
        return _finite_or_nan(lambda rows: (rows - scaler.mean_) / scaler.scale_)
    if type(scaler) is MinMaxScaler and not scaler.clip:
        return _finite_or_nan(lambda rows: rows * scaler.scale_ + scaler.min_)
    if type(scaler) is SimpleImputer and _fills_each_column(scaler):
        filled = scaler.statistics_.astype(np.float64)
        return _finite_or_nan(lambda rows: np.where(np.isnan(rows), filled, rows))
    return None


def _fills_each_column(imputer: SimpleImputer) -> bool:
    """Whether it replaces NaN in every column, and adds no column."""
    numbers = imputer.statistics_.dtype.kind == "f" and not np.isnan(imputer.statistics_).any()
    missing = imputer.missing_values
    return bool(numbers and isinstance(missing, float) and np.isnan(missing) and not imputer.add_indicator)


def _finite_or_nan(function: Function) -> Function:
    def checked(rows: Array) -> Array:
        if _any(_is_inf(rows), axis=None):  # NaN passes: the steps after the scaler may accept it
            raise NotFiniteError("the input contains infinity")
        return function(rows)

    return checked


def value(model: Any) -> Function | None:
    """A function that equals `predict` of this fitted linear regressor; None for other models."""
    return _decision(model) if type(model) in LINEAR else None


def decision(model: Any) -> Function | None:
    """A function that equals `decision_function` of this fitted linear classifier, if its labels derive from that; else None."""
    kind = type(model)
    if getattr(kind, "predict", None) is not LinearClassifierMixin.predict:
        return None
    return _decision(model) if kind.decision_function is LinearClassifierMixin.decision_function else None


def indices(found: Array) -> Array:
    """The indices of the classes that the decision values select."""
    return (found > 0).astype(np.intp) if found.ndim == 1 else found.argmax(axis=1)


def probabilities(model: Any) -> Function | None:
    """The function from decision values to `predict_proba` of this classifier; None if it has none or computes it differently."""
    if getattr(type(model), "predict_proba", None) is not LogisticRegression.predict_proba:
        return None
    return of_two if len(model.classes_) <= 2 else softmax


def _decision(model: Any) -> Function | None:
    coefficients, intercept = model.coef_, model.intercept_
    if not isinstance(coefficients, np.ndarray):  # sparsify() was called
        return None
    weights = coefficients.T
    flat = coefficients.ndim == 2 and len(coefficients) == 1 and isinstance(model, LinearClassifierMixin)

    def decided(rows: Any) -> Array:
        if not _all(_is_finite(rows.data if issparse(rows) else rows), axis=None):
            raise NotFiniteError("the input contains NaN or infinity")
        found: Array = rows @ weights + intercept
        return found.ravel() if flat else found

    return decided


def of_two(found: Array) -> Array:
    second = expit(found)
    return np.stack((1 - second, second), axis=1)


def softmax(found: Array) -> Array:
    found = _exp(found - _max(found, axis=1, keepdims=True))
    found /= _sum(found, axis=1, keepdims=True)
    return found
