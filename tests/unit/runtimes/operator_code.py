"""Functions and classes as operators write them into their pipelines."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline


def ratio(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns other columns than its input's."""
    return frame.assign(ratio=frame.income / (1 + frame.visits))[["ratio", "age"]]


def seconds(frame: pd.DataFrame) -> Any:
    """Dates to numbers; also accepts numbers."""
    return np.column_stack([frame.when.astype("int64") // 10**6, frame.age])


def months(frame: pd.DataFrame) -> Any:
    """Dates to numbers; accepts only dates."""
    return np.column_stack([frame.when.dt.month, frame.age])


def guests(frame: pd.DataFrame) -> pd.DataFrame:
    """Works for booleans; returns something else for integers."""
    return frame.assign(member=(~frame.member).astype(int))[["member", "age"]]


def postcode(frame: pd.DataFrame) -> Any:
    """Converts whole numbers to text: 1.0 and 1 have different texts."""
    return np.column_stack([frame.code.astype(str).str.len(), frame.age])


def constant(frame: pd.DataFrame) -> pd.DataFrame:
    """Adds a column."""
    return frame.assign(one=1.0)


class Unsure(Pipeline):
    """A pipeline with a custom `predict`."""

    def predict(self, X: Any, **params: Any) -> Any:
        probabilities = self.predict_proba(X)
        likeliest = np.asarray(self.classes_)[probabilities.argmax(1)].astype(object)
        return np.where(probabilities.max(1) < 0.8, "unsure", likeliest)


class Buffered(TransformerMixin, BaseEstimator):
    """A transformer that reuses one array for its results."""

    def fit(self, X: Any, y: Any = None) -> "Buffered":
        self.n_features_in_ = np.shape(X)[1]
        self.out_ = np.zeros((1000, self.n_features_in_))
        return self

    def transform(self, X: Any) -> Any:
        return np.multiply(X, 2, out=self.out_[: len(X)])


class InPlace(TransformerMixin, BaseEstimator):
    """A transformer that changes its input."""

    def fit(self, X: Any, y: Any = None) -> "InPlace":
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X: Any) -> Any:
        return np.multiply(X, 2, out=X)


class Centred(TransformerMixin, BaseEstimator):
    """A transformer of numbers, which does not accept texts."""

    def fit(self, X: Any, y: Any = None) -> "Centred":
        self.n_features_in_ = np.shape(X)[1]
        self.centre_ = np.mean(X, axis=0)
        return self

    def transform(self, X: Any) -> Any:
        return X - self.centre_
