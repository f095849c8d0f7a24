"""Missing values reach a model in the form of its fit, and only a model that accepts them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from modelyard.runtimes.base import LoadedModel
from tests.unit.runtimes.customers import COUNT, CUSTOMERS, KIND, assert_own_answers, load

LOST = np.random.default_rng(3).random((COUNT, 3)) < 0.2
TEXT_NAN = CUSTOMERS[["age"]].assign(city=CUSTOMERS.city.where(~LOST[:, 0], np.nan))
TEXT_NONE = CUSTOMERS[["age"]].assign(city=CUSTOMERS.city.astype(object).where(~LOST[:, 0], None))
FLAGS_NONE = CUSTOMERS[["age"]].assign(member=CUSTOMERS.member.astype(object).where(~LOST[:, 1], None))
FLAGS_NAN = CUSTOMERS[["age"]].assign(member=CUSTOMERS.member.astype(object).where(~LOST[:, 1], np.nan))
WHOLE_NONE = CUSTOMERS[["age"]].assign(visits=CUSTOMERS.visits.astype(object).where(~LOST[:, 2], None))
WHOLE_NAN = CUSTOMERS[["age"]].assign(visits=CUSTOMERS.visits.where(~LOST[:, 2], np.nan))


def over(column: str, *front: Any) -> Any:
    columns = ColumnTransformer([("kinds", make_pipeline(*front), [column]), ("numbers", StandardScaler(), ["age"])])
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


FREQUENT = SimpleImputer(strategy="most_frequent")
FREQUENT_NONE = SimpleImputer(strategy="most_frequent", missing_values=None)
CONSTANT = SimpleImputer(strategy="constant", fill_value="unknown")
CASES = {
    "text filled with the most frequent": (over("city", FREQUENT, OneHotEncoder()), TEXT_NAN, "city"),
    "text filled with a constant before an ordinal encoder": (
        over("city", CONSTANT, OrdinalEncoder()),
        TEXT_NAN,
        "city",
    ),
    "text with None filled": (over("city", FREQUENT_NONE, OneHotEncoder()), TEXT_NONE, "city"),
    "an encoder fitted with NaN": (over("city", OneHotEncoder()), TEXT_NAN, "city"),
    "an encoder fitted with None": (over("city", OneHotEncoder()), TEXT_NONE, "city"),
    "an encoder that ignores what it does not know": (
        over("city", OneHotEncoder(handle_unknown="ignore")),
        CUSTOMERS[["age", "city"]],
        "city",
    ),
    "target encoding": (over("city", TargetEncoder()), TEXT_NAN, "city"),
    "flags with None filled": (over("member", FREQUENT_NONE, OneHotEncoder()), FLAGS_NONE, "member"),
    "an encoder of flags fitted with None": (over("member", OneHotEncoder()), FLAGS_NONE, "member"),
    "an encoder of flags fitted with NaN": (over("member", OneHotEncoder()), FLAGS_NAN, "member"),
    "an encoder of whole numbers fitted with None": (over("visits", OneHotEncoder()), WHOLE_NONE, "visits"),
    "an encoder of whole numbers fitted with NaN": (over("visits", OneHotEncoder()), WHOLE_NAN, "visits"),
    "an encoder of whole numbers that ignores what it does not know": (
        over("visits", OneHotEncoder(handle_unknown="ignore")),
        CUSTOMERS[["age", "visits"]],
        "visits",
    ),
    "boosting of categories": (
        HistGradientBoostingClassifier(max_iter=3, categorical_features=["city"]),
        TEXT_NAN,
        "city",
    ),
}


def column_spec(model: LoadedModel, name: str) -> Any:
    return next(spec for spec in model.signature.inputs if spec.name == name)


def sent(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Its rows, with a missing value in the first."""
    lost = None if frame[column].map(lambda value: value is None).any() else np.nan
    changed = frame[column].astype(object).copy()
    changed.iloc[0] = lost
    changed = changed if frame[column].dtype == object else changed.infer_objects()
    return frame.assign(**{column: changed})


@pytest.mark.parametrize("name", CASES)
def test_a_missing_value_is_the_kind_that_the_model_was_fitted_with(name: str) -> None:
    estimator, frame, column = CASES[name]
    estimator.fit(frame, KIND)
    model = load(estimator)
    assert all(spec.missing or spec.datatype == "FP64" for spec in model.signature.inputs)
    assert_own_answers(model, estimator, sent(frame, column))


@pytest.mark.parametrize("column", ["city", "member", "visits"])
def test_a_model_without_missing_values_accepts_none(column: str) -> None:
    model = load(over(column, OneHotEncoder()).fit(CUSTOMERS[["age", column]], KIND))
    assert not column_spec(model, column).missing


def test_missing_numbers_are_nan() -> None:
    frame = CUSTOMERS[["age", "income"]].mask(LOST[:, :2])
    estimator = make_pipeline(KNNImputer(), LogisticRegression(max_iter=1000)).fit(frame, KIND)
    assert_own_answers(load(estimator), estimator, frame)
