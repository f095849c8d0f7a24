"""An example made for a model is within the range of the fit, if the model stores any numbers of it."""

from typing import Any

import numpy as np
import pytest
from sklearn.impute import KNNImputer
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    QuantileTransformer,
    SplineTransformer,
)
from sklearn.tree import DecisionTreeRegressor

from tests.unit.runtimes.customers import load

LOW, HIGH = 4000.0, 9000.0
ROWS = np.random.default_rng(0).uniform(LOW, HIGH, (80, 2))
HOLES = np.where(np.random.default_rng(1).random(ROWS.shape) < 0.2, np.nan, ROWS)
MODELS: dict[str, Any] = {
    "an imputer's rows, some of them incomplete": make_pipeline(KNNImputer(), Ridge()),
    "a spline's knots": make_pipeline(SplineTransformer(), Ridge()),
    "a spline's knots behind a function": make_pipeline(FunctionTransformer(), SplineTransformer(), Ridge()),
    "a scaler's limits": make_pipeline(MinMaxScaler(), Ridge()),
    "the edges of bins": make_pipeline(KBinsDiscretizer(quantile_method="averaged_inverted_cdf"), Ridge()),
    "quantiles": make_pipeline(QuantileTransformer(n_quantiles=20), Ridge()),
    "neighbours": KNeighborsRegressor(),
    "the thresholds of a tree": DecisionTreeRegressor(random_state=0),
}


@pytest.mark.parametrize("estimator", MODELS.values(), ids=MODELS)
def test_the_example_lies_among_the_numbers_that_the_model_has_seen(estimator: Any) -> None:
    takes_holes = isinstance(estimator, DecisionTreeRegressor) or "knnimputer" in getattr(estimator, "named_steps", ())
    model = load(estimator.fit(HOLES if takes_holes else ROWS, ROWS[:, 0]))
    example = np.concatenate([np.ravel(array) for array in model.example.values()])
    assert LOW - 1000 < example.min() < example.max() < HIGH + 1000
