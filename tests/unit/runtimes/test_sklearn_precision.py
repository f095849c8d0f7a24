"""Single precision is detected and preserved: in double precision a threshold decides differently."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingRegressor
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, PolynomialFeatures, StandardScaler

from modelyard.runtimes.base import LoadError
from tests.unit.runtimes.customers import load

ROWS = np.random.default_rng(0).random((60, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_array_is_of_single_precision_where_any_part_has_learnt_so(dtype) -> None:
    """StandardScaler stores doubles, whatever it is fitted with."""
    rows = ROWS.astype(dtype)
    model = make_pipeline(make_union(StandardScaler(), RBFSampler(n_components=5, random_state=0)), Ridge())
    estimator = StackingRegressor([("a", model)], LinearRegression(), cv=2, passthrough=True).fit(rows, rows[:, 0])
    served = load(estimator)
    (spec,) = served.signature.inputs
    assert spec.datatype == ("FP32" if dtype == np.float32 else "FP64")
    assert served.predict({"x": rows}, ["value"])["value"].tolist() == estimator.predict(rows).tolist()


def test_an_ensemble_shows_the_precision_of_its_members() -> None:
    """Products and bin edges do not show it; in double precision products fall into other bins."""
    rows = ROWS.astype(np.float32)
    front = make_pipeline(
        PolynomialFeatures(include_bias=False), KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform")
    )
    estimator = make_pipeline(front, MultiOutputRegressor(Ridge())).fit(rows, rows)
    served = load(estimator)
    assert [each.datatype for each in served.signature.inputs] == ["FP32"]
    assert served.predict({"x": rows}, ["value"])["value"].tolist() == estimator.predict(rows).tolist()


def test_features_of_several_types_are_rejected() -> None:
    rows = np.array([[True, "red"], [False, None]], object)
    with pytest.raises(LoadError, match=r"its features are values of several types \(.*\), which no datatype can hold"):
        load(
            SimpleImputer(strategy="constant", fill_value=0, missing_values=None).fit(rows),
            {"instances": [[True, "red"], [False, "b"]]},
        )


def test_numbers_next_to_texts_keep_single_precision_without_column_names() -> None:
    """An array of both would have the dtype object, which scikit-learn reads as doubles, so the fit was with a frame."""
    numbers = (ROWS[:, 0] * 1000).astype(np.float32)
    frame = pd.DataFrame({0: numbers, 1: np.where(ROWS[:, 1] > 0.5, "a", "b")})
    front = ColumnTransformer(
        [("kernel", Nystroem(gamma=0.1, n_components=9, random_state=0), [0]), ("text", OneHotEncoder(), [1])]
    )
    estimator = front.fit(frame)
    given = load(estimator).predict({"x0": numbers, "x1": frame[1].to_numpy(object)}, ["features"])["features"]
    assert given.tolist() == estimator.transform(frame).tolist()
