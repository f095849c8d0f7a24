"""Linear models and naive Bayes on sparse rows.

scikit-learn copies the weights of all classes for each call, because they are not in the order that SciPy's product needs.
"""

from typing import Any

import numpy as np
from scipy.special import expit  # type: ignore[import-untyped]  # it ships no types
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB

from modelyard.runtimes.sklearn.compiled.head import Function, Head, NotCompiledError, likeliest
from modelyard.runtimes.sklearn.compiled.kernels import weighted_sums
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows
from modelyard.runtimes.sklearn.fast_path import linear
from modelyard.tensors import Array


def head(final: Any) -> Head | None:
    """The head of a fitted linear model or naive Bayes classifier, for SparseRows; None for other estimators.

    Raises NotCompiledError for options that are not supported.
    """
    kind = type(final)
    if kind in (MultinomialNB, ComplementNB, BernoulliNB):
        return _naive_bayes(final)
    is_classifier = getattr(kind, "predict", None) is LinearClassifierMixin.predict
    if not (is_classifier and kind.decision_function is LinearClassifierMixin.decision_function):
        return Head(_product(final), value=_value) if kind in linear.LINEAR and np.ndim(final.coef_) == 1 else None
    decide = _product(final)
    if len(final.coef_) == 1:
        return Head(lambda rows: decide(rows).ravel(), linear.indices, _scores(final))
    return Head(decide, likeliest, _scores(final))


def _product(model: Any) -> Function:
    if not isinstance(model.coef_, np.ndarray):
        raise NotCompiledError("its weights are sparse")
    weights, intercept = np.ascontiguousarray(np.atleast_2d(model.coef_).T), model.intercept_

    def product(rows: SparseRows) -> Array:
        if not np.isfinite(rows.data).all():
            raise linear.NotFiniteError("the input contains NaN or infinity")
        found: Array = weighted_sums(rows, weights) + intercept
        return found

    return product


def _value(found: Array) -> Array:
    return found[:, 0]


def _scores(model: Any) -> Function | None:
    if type(model) is SGDClassifier:
        if model.loss not in ("log_loss", "modified_huber"):
            return None
        if model.loss == "modified_huber":
            raise NotCompiledError("probabilities of the loss modified_huber are not supported")
    elif getattr(type(model), "predict_proba", None) is not LogisticRegression.predict_proba:
        if hasattr(model, "predict_proba"):
            raise NotCompiledError("its probabilities are not supported")
        return None
    elif len(model.classes_) > 2 and model.solver != "liblinear":
        return linear.softmax
    return linear.of_two if len(model.classes_) <= 2 else _one_against_rest


def _one_against_rest(found: Array) -> Array:
    each: Array = expit(found)
    total = each.sum(axis=1)
    if (empty := total == 0).any():
        each[empty, :] = 1
        total[empty] = each.shape[1]
    each /= total[:, np.newaxis]
    return each


def _naive_bayes(model: Any) -> Head:
    logs, prior = model.feature_log_prob_, model.class_log_prior_
    binarize = None
    if type(model) is BernoulliNB:
        absent = np.log(1 - np.exp(logs))
        logs, prior, binarize = logs - absent, prior + absent.sum(axis=1), model.binarize
        if binarize is not None and binarize < 0:
            raise NotCompiledError("a negative threshold makes its rows dense")
    elif type(model) is ComplementNB and len(model.classes_) > 1:
        prior = None
    weights = np.ascontiguousarray(logs.T)

    def likelihood(rows: SparseRows) -> Array:
        if not np.isfinite(rows.data).all():
            raise linear.NotFiniteError("the input contains NaN or infinity")
        found = weighted_sums(rows if binarize is None else _present(rows, binarize), weights)
        return found if prior is None else found + prior

    return Head(likelihood, likeliest, _normalized)


def _present(rows: SparseRows, threshold: float) -> SparseRows:
    """1 for each value above the threshold; the others are removed, because a weight may be infinite."""
    present = rows.data > threshold
    if present.all():
        return SparseRows(rows.indptr, rows.indices, np.ones_like(rows.data), rows.width)
    indptr = np.concatenate(([0], np.cumsum(present)))[rows.indptr].astype(rows.indptr.dtype)
    return SparseRows(indptr, rows.indices[present], np.ones_like(rows.data[present]), rows.width)


def _normalized(found: Array) -> Array:
    """Probabilities, with the logarithm of their sum as SciPy computes it."""
    greatest = found.max(axis=1, keepdims=True)
    is_greatest = found == greatest
    others = found.copy()
    others[is_greatest] = -np.inf
    count = is_greatest.astype(found.dtype).sum(axis=1, keepdims=True)
    rest = np.exp(others - greatest).sum(axis=1, keepdims=True)
    probabilities: Array = np.exp(found - (np.log1p(rest / count) + np.log(count) + greatest))
    return probabilities
