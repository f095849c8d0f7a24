"""Booleans, integers and single precision reach a model in the form of its fit, or the model is rejected."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, FunctionTransformer, OrdinalEncoder, StandardScaler

from modelyard.runtimes.base import LoadError
from tests.unit.runtimes.customers import load

RANDOM = np.random.default_rng(3)
FLAGS = pd.DataFrame({"a": RANDOM.random(60) > 0.5, "b": RANDOM.random(60) > 0.3})
KIND = np.where(FLAGS.a | (RANDOM.random(60) > 0.8), "yes", "no")


def first_doubled(x: Any) -> Any:
    changed = np.array(x)
    changed[:, 0] = changed[:, 0] * 2
    return changed


def doubled(x: Any) -> Any:
    return 2 * np.asarray(x, dtype=float)


def test_code_that_depends_on_booleans_is_rejected_until_the_yaml_declares_them() -> None:
    """An array of flags holds True for twice True, and one of numbers 2."""
    estimator = make_pipeline(VarianceThreshold(), FunctionTransformer(first_doubled), LogisticRegression())
    estimator.fit(FLAGS, KIND)
    with pytest.raises(LoadError, match="several datatypes for 'a', 'b'"):
        load(estimator)
    model = load(estimator, inputs={"a": "BOOL", "b": "BOOL"})
    rows = {"a": FLAGS.a.to_numpy(), "b": FLAGS.b.to_numpy()}
    np.testing.assert_allclose(
        model.predict(rows, ["scores"])["scores"], estimator.predict_proba(FLAGS), rtol=1e-12, atol=0
    )


def test_code_that_makes_numbers_of_all_is_served_with_numbers() -> None:
    estimator = make_pipeline(VarianceThreshold(), FunctionTransformer(doubled), LogisticRegression()).fit(FLAGS, KIND)
    assert {each.datatype for each in load(estimator).signature.inputs} == {"FP64"}


def test_what_learnt_from_single_precision_gets_it_through_steps_that_learn_nothing() -> None:
    frame = pd.DataFrame({"flag": FLAGS.a, "x": RANDOM.normal(size=60).astype(np.float32)})
    estimator = make_pipeline(Binarizer(), KNeighborsClassifier(3)).fit(frame, KIND)
    assert {each.datatype for each in load(estimator).signature.inputs} == {"FP32"}


def test_whole_numbers_reach_an_imputer_as_the_floats_that_it_was_fitted_with() -> None:
    frame = pd.DataFrame({"age": [41, 23, None, 35] * 15, "visits": [1, 2, 3, 4] * 15})
    imputer = SimpleImputer(strategy="constant", fill_value=0)
    estimator = make_pipeline(imputer, LogisticRegression()).fit(frame, KIND)
    model = load(estimator, inputs={"age": "INT64", "visits": "INT64"})
    assert not any(re.search("no row could be made up", note) for note in model.notes)
    given = model.predict({"x": frame.to_numpy(float)}, ["label"])
    assert given["label"].tolist() == estimator.predict(frame).tolist()


def test_columns_of_a_frame_keep_the_precision_that_each_was_fitted_with() -> None:
    frame = pd.DataFrame({"x": RANDOM.normal(size=60).astype(np.float32), "y": RANDOM.normal(size=60)})
    first = make_column_transformer((PCA(1), ["x"]), (StandardScaler(), ["y"]))
    estimator = make_pipeline(first, LogisticRegression()).fit(frame, KIND)
    model = load(estimator)
    assert [(each.name, each.datatype) for each in model.signature.inputs] == [("x", "FP32"), ("y", "FP64")]
    given = model.predict({"x": frame.x.to_numpy(), "y": frame.y.to_numpy()}, ["scores"])
    np.testing.assert_allclose(given["scores"], estimator.predict_proba(frame), rtol=1e-12)


def test_the_categories_of_a_column_of_floats_are_those_of_the_whole_numbers_that_the_yaml_declares() -> None:
    frame = pd.DataFrame({"age": [41, 23, None, 35] * 15, "visits": [20, 35, None, 10] * 15})
    front = make_column_transformer(
        (SimpleImputer(strategy="constant", fill_value=0), ["age"]),
        (OrdinalEncoder(encoded_missing_value=-2), ["visits"]),
    )
    estimator = make_pipeline(front, LogisticRegression()).fit(frame, KIND)
    model = load(estimator, inputs={"age": "INT64", "visits": "INT64"})
    assert not any("no row could be made up" in note for note in model.notes)
