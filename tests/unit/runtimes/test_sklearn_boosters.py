"""LightGBM's, XGBoost's and CatBoost's own estimators, with and without categories."""

from typing import Any

import numpy as np
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsOneClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from tests.unit.runtimes.customers import CUSTOMERS, KIND, SPENT, assert_own_answers, inputs_of, load

NUMBERS = CUSTOMERS[["age", "visits"]].astype(float)
KINDS = CUSTOMERS[["city", "age", "visits", "plan"]]
CATEGORIES = KINDS.astype({"city": "category", "visits": "category", "plan": "category"})
GOLD = (KIND == "gold").astype(int)
QUIET = {"iterations": 3, "verbose": 0, "allow_writing_files": False}


def lightgbm(kind: Any = LGBMClassifier) -> Any:
    return kind(n_estimators=3, verbose=-1, min_child_samples=5)


def xgboost(kind: Any = XGBClassifier) -> Any:
    return kind(n_estimators=3, enable_categorical=True)


@pytest.mark.parametrize("make", [lightgbm, xgboost])
def test_columns_of_categories_have_the_datatype_of_their_values(make: Any) -> None:
    estimator = make().fit(CATEGORIES, GOLD)
    model = load(estimator)
    assert {spec.name: spec.datatype for spec in model.signature.inputs} == {
        "city": "BYTES",
        "age": "FP64",
        "visits": "INT64",
        "plan": "BYTES",
    }
    assert_own_answers(model, estimator, CATEGORIES)
    # One row has one category only; its code is still that of the whole table.
    for row in range(5):
        inputs = inputs_of(model, CATEGORIES[row : row + 1])
        given = model.predict(inputs, ["scores"])["scores"]
        np.testing.assert_allclose(given, estimator.predict_proba(CATEGORIES)[row : row + 1], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # the array that OneVsOneClassifier makes
def test_categories_by_dtype_reach_an_estimator_that_accepts_nothing_else() -> None:
    """OneVsOneClassifier converts the frame to an array, and all columns of other dtypes to numbers."""
    frame = CATEGORIES[["city", "plan"]]
    inner = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=4).fit(frame, KIND)
    stack = StackingClassifier([("inner", FrozenEstimator(inner))], LogisticRegression(), cv="prefit")
    estimator = OneVsOneClassifier(stack).fit(frame, KIND)
    with pytest.raises(ValueError, match="could not convert string to float"):
        estimator.predict(frame.astype(object))
    assert_own_answers(load(estimator), estimator, frame)


def test_each_member_of_an_ensemble_may_have_seen_other_categories() -> None:
    frame = CATEGORIES[["city"]]
    halves = [
        HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=4).fit(half, GOLD[half.index])
        for half in (frame[frame.city == frame.city[0]], frame[frame.city != frame.city[0]])
    ]
    members = [(str(number), FrozenEstimator(half)) for number, half in enumerate(halves)]
    estimator = VotingClassifier(members, voting="soft").fit(frame, GOLD)
    assert_own_answers(load(estimator), estimator, frame)


def test_catboost_accepts_texts_and_numbers() -> None:
    frame = KINDS.astype({"visits": str})
    estimator = CatBoostClassifier(**QUIET, cat_features=["city", "visits", "plan"]).fit(frame, KIND)
    assert_own_answers(load(estimator), estimator, frame)


def test_catboost_accepts_integers_as_categories_if_the_example_has_them() -> None:
    estimator = CatBoostClassifier(**QUIET, cat_features=["city", "visits", "plan"]).fit(KINDS, KIND)
    model = load(estimator, {"dataframe_records": KINDS[:3].to_dict("records")})
    assert {spec.name: spec.datatype for spec in model.signature.inputs}["visits"] == "INT64"
    assert_own_answers(model, estimator, KINDS)


@pytest.mark.parametrize(
    "estimator",
    [
        lightgbm(LGBMRegressor),
        xgboost(XGBRegressor),
        CatBoostRegressor(**QUIET),
        make_pipeline(StandardScaler().set_output(transform="pandas"), lightgbm(LGBMRegressor)),
        make_pipeline(StandardScaler(), xgboost(XGBRegressor)),
        make_pipeline(StandardScaler(), CatBoostRegressor(**QUIET)),
    ],
    ids=str,
)
def test_plain_numbers_are_one_input(estimator: Any) -> None:
    model = load(estimator.fit(NUMBERS, SPENT))
    assert [spec.columns for spec in model.signature.inputs] == [("age", "visits")]
    assert_own_answers(model, estimator, NUMBERS)


@pytest.mark.parametrize("estimator", [lightgbm(), xgboost(), CatBoostClassifier(**QUIET)], ids=str)
def test_several_classes_and_rows_without_names(estimator: Any) -> None:
    rows = NUMBERS.to_numpy()
    estimator.fit(rows, CUSTOMERS.visits % 3)
    model = load(estimator)
    given = model.predict({"x": rows}, ["label", "scores"])
    assert given["label"].tolist() == np.ravel(estimator.predict(rows)).tolist()
    np.testing.assert_allclose(given["scores"], estimator.predict_proba(rows), rtol=1e-6)
    assert model.signature.classes == (0, 1, 2)


def test_a_meta_estimator_over_a_booster_is_served() -> None:
    estimator = CalibratedClassifierCV(xgboost(), cv=2).fit(NUMBERS, GOLD)
    assert_own_answers(load(estimator), estimator, NUMBERS)
