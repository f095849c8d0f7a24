"""A table of customers, and models of it, loaded from joblib files."""

import io
import json
import warnings
from typing import Any

import joblib
import numpy as np
import pandas as pd

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadedModel
from modelyard.runtimes.sklearn import model as sklearn
from modelyard.tensors import DTYPES, Tensors, TensorSpec
from tests.unit.runtimes.sklearn_models import call_method

COUNT = 120
_random = np.random.default_rng(0)
CUSTOMERS = pd.DataFrame(
    {
        "age": _random.normal(40, 9, COUNT),
        "income": _random.lognormal(8, 1, COUNT),
        "visits": _random.integers(0, 9, COUNT),
        "city": _random.choice(["rome", "oslo", "bern"], COUNT),
        "plan": _random.choice(["free", "paid"], COUNT),
        "member": _random.random(COUNT) > 0.5,
        "code": _random.integers(5, 120, COUNT),
        "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(_random.integers(0, 300, COUNT), unit="D"),
    }
)
KIND = np.where(CUSTOMERS.age + CUSTOMERS.visits * 3 + _random.normal(0, 5, COUNT) > 52, "gold", "silver")
SPENT = (CUSTOMERS.age * 3 + CUSTOMERS.visits * 10 + CUSTOMERS.income / 100).to_numpy()
BOTH = np.column_stack([KIND == "gold", CUSTOMERS.plan == "paid"]).astype(int)
METHODS = {
    "label": "predict",
    "labels": "predict",
    "value": "predict",
    "scores": "predict_proba",
    "features": "transform",
}


def load(estimator: Any, example: Any = None, **keys: Any) -> LoadedModel:
    """The model in a joblib file of this estimator, with the example next to it."""
    return load_files(estimator, None if example is None else json.dumps(example).encode(), **keys)


def load_files(estimator: Any, example: bytes | None, **keys: Any) -> LoadedModel:
    """The same with these bytes for the example."""
    file = io.BytesIO()
    joblib.dump(estimator, file)
    files = {"model.joblib": file.getvalue()}
    if example is not None:
        files["example.json"] = example
    return sklearn.load(files, ModelSpec(name="m", trusted=True, **keys), cpus=1)


def inputs_of(model: LoadedModel, frame: pd.DataFrame) -> Tensors:
    """The frame's rows as a request for the model has them."""
    return {spec.name: _array(spec, frame) for spec in model.signature.inputs}


def _array(spec: TensorSpec, frame: pd.DataFrame) -> Any:
    if len(spec.shape) == 2:
        return frame[list(spec.columns) or list(frame.columns)].to_numpy(DTYPES[spec.datatype])
    column = frame[spec.name]
    if column.dtype.kind == "M":
        column = column.dt.strftime("%Y-%m-%dT%H:%M:%S")
    if spec.datatype in ("FP64", "FP32"):
        return column.to_numpy(DTYPES[spec.datatype])
    values = [None if pd.isna(value) else value for value in column.tolist()]
    if None not in values:
        return np.array(values, DTYPES[spec.datatype])
    array = np.empty(len(values), object)
    array[:] = values
    return array


def assert_own_answers(model: LoadedModel, estimator: Any, frame: pd.DataFrame) -> None:
    """Every output equals the estimator's own output for the frame."""
    outputs = [spec.name for spec in model.signature.outputs]
    given = model.predict(inputs_of(model, frame), outputs)
    for name in outputs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of categories that an encoder does not know, and the like
            expected = call_method(estimator, METHODS.get(name, f"predict_proba {name.removeprefix('scores_')}"), frame)
        if given[name].dtype.kind == "f":
            np.testing.assert_allclose(given[name], expected, rtol=1e-9, atol=1e-12, err_msg=name)
        else:
            assert given[name].tolist() == np.asarray(expected).reshape(given[name].shape).tolist(), name
