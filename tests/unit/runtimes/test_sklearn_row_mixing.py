"""Code in a model may combine rows: requests share its batches only if the YAML allows it."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from category_encoders import TargetEncoder
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale
from sklearn.svm import SVC

from modelyard.config.model_spec import Batching
from modelyard.inference.warmup import Warmup, warm
from modelyard.runtimes.sklearn.parts import row_mixing_code
from modelyard.tensors import InferRequest
from tests.unit.runtimes.customers import load

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
TEXTS = ["a good day", "a bad day", "good", "bad"] * 3
MOODS = ["up", "down", "up", "down"] * 3


def centred(x: Any) -> Any:
    return x - x.mean(0)


def doubled(x: Any) -> Any:
    return 2 * x


def words(text: str) -> list[str]:
    return text.upper().split()


def product(x: Any, y: Any) -> Any:
    return np.asarray(x) @ np.asarray(y).T


class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, x: Any, y: Any = None) -> "Doubled":
        self.fitted_ = True
        return self

    def transform(self, x: Any) -> Any:
        return 2 * x


class Words(CountVectorizer):
    pass


def fitted(*steps: Any) -> Any:
    return make_pipeline(*steps, LogisticRegression()).fit(X, Y)


def of_texts(*steps: Any) -> Any:
    return make_pipeline(*steps, LogisticRegression()).fit(TEXTS, MOODS)


def warmed(model: Any) -> Warmup:
    rows = len(next(iter(model.example.values())))
    return warm(
        model,
        [InferRequest(model.example, rows, tuple(each.name for each in model.signature.outputs))],
        batching=Batching(),
    )


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (fitted(FunctionTransformer(centred)), "centred"),
        (fitted(FunctionTransformer(doubled)), "doubled"),
        (fitted(FunctionTransformer(partial(np.clip, a_min=-1, a_max=1))), "clip"),
        (fitted(FunctionTransformer(np.cumsum, kw_args={"axis": 0})), "cumsum"),
        (fitted(FunctionTransformer(scale)), "scale"),
        (fitted(Doubled()), "Doubled"),
        (fitted(make_union(StandardScaler(), FunctionTransformer(doubled))), "doubled"),
        (fitted(ColumnTransformer([("a", FunctionTransformer(doubled), [0, 1])])), "doubled"),
        (VotingClassifier([("a", fitted(Doubled())), ("b", SVC())]).fit(X, Y), "Doubled"),
        (SVC(kernel=product).fit(X, Y), "product"),
        (of_texts(Words()), "Words"),
    ],
)
def test_code_that_may_combine_rows_is_named(estimator: Any, name: str) -> None:
    assert row_mixing_code(estimator) == name


@pytest.mark.parametrize(
    "estimator",
    [
        fitted(StandardScaler()),
        fitted(FunctionTransformer()),
        fitted(FunctionTransformer(np.arctan)),
        fitted(FunctionTransformer(partial(np.multiply, 2.0))),
        make_pipeline(TargetEncoder(), LogisticRegression()),
        of_texts(TfidfVectorizer(tokenizer=words, token_pattern=None)),
        of_texts(CountVectorizer(preprocessor=str.upper)),
    ],
)
def test_libraries_elementwise_functions_and_functions_of_one_text_keep_rows_apart(estimator: Any) -> None:
    assert row_mixing_code(estimator) == ""


def test_the_yaml_may_declare_that_operator_code_keeps_rows_independent() -> None:
    estimator = fitted(FunctionTransformer(doubled))
    assert "doubled may mix the rows of a call" in load(estimator).mixes_rows
    assert load(estimator, batching={"independent_rows": True}).mixes_rows == ""


def test_the_declaration_covers_the_code_in_the_model_and_is_tested_nevertheless() -> None:
    found = load(fitted(FunctionTransformer(centred)), batching={"independent_rows": True})
    assert found.mixes_rows == ""
    assert "alone" in warmed(found).reason


def test_a_model_that_may_mix_rows_is_not_batched() -> None:
    reason = warmed(load(fitted(FunctionTransformer(doubled)))).reason
    assert "batching: {independent_rows: true}" in reason
    assert not warmed(load(fitted(FunctionTransformer(doubled)), batching={"independent_rows": True})).reason
