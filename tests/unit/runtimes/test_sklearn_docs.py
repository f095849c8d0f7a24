"""The input types in docs/runtimes.md, read from the page."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from category_encoders import TargetEncoder
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modelyard.config.model_spec import ModelSpec
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.runtimes.base import LoadError
from tests.unit.runtimes.customers import CUSTOMERS, KIND, load

PAGE = (Path(__file__).parents[3] / "docs" / "runtimes.md").read_text()
SECTION = PAGE.partition("\n## scikit-learn\n")[2].partition("\n## ")[0]
[EXAMPLE] = re.findall(r"^```json\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
[YAML] = re.findall(r"^```yaml\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
CHURN = CUSTOMERS[["city", "when", "income"]].rename(columns={"when": "since"})


def days(frame: pd.DataFrame) -> Any:
    return (pd.to_datetime(frame.since) - pd.Timestamp("2024-01-01")).dt.days.to_numpy().reshape(-1, 1)


@pytest.fixture(scope="module")
def churn() -> Any:
    columns = ColumnTransformer(
        [
            ("city", TargetEncoder(), ["city"]),
            ("days", FunctionTransformer(days), ["since"]),
            ("rest", "passthrough", ["income"]),
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning of pandas about the encoder's use of it
        return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(CHURN, KIND == "gold")


def test_a_model_whose_code_accepts_anything_is_rejected_until_its_types_are_known(churn: Any) -> None:
    with pytest.raises(LoadError, match="the model accepts several datatypes for 'city', 'since'"):
        load(churn)


@pytest.mark.parametrize("way", ["example.json", "inputs"])
def test_the_pages_example_and_the_pages_yaml_declare_the_types(churn: Any, way: str) -> None:
    spec = ModelSpec(**yaml.safe_load(YAML))
    model = load(churn, json.loads(EXAMPLE)) if way == "example.json" else load(churn, inputs=spec.inputs)
    codec = PredictCodec("churn", 1, model.signature)
    call = codec.decode(EXAMPLE.encode(), b"application/json")
    [row] = json.loads(EXAMPLE)["instances"]
    frame = pd.DataFrame([row]).assign(since=pd.Timestamp(row["since"]))
    given = model.predict(call.request.inputs, call.request.outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(given["scores"], churn.predict_proba(frame))
