"""A datatype that depends on an operator's code is declared by the operator, and never guessed."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from category_encoders import BinaryEncoder, CatBoostEncoder, CountEncoder, HashingEncoder, TargetEncoder, WOEEncoder
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from modelyard.config.inputs_spec import InputType
from modelyard.errors import InvalidRequest
from modelyard.runtimes.base import LoadedModel, LoadError
from tests.unit.runtimes.customers import CUSTOMERS, KIND, SPENT, assert_own_answers, inputs_of, load, load_files
from tests.unit.runtimes.operator_code import Centred, guests, months, postcode, seconds

KINDS = CUSTOMERS[["age", "city", "plan"]]
DATED = CUSTOMERS[["when", "age"]]
ENCODERS = [BinaryEncoder, CountEncoder, HashingEncoder, TargetEncoder, WOEEncoder]
ADVICE = r"set the datatype in `inputs` in the model's YAML .* or put a request that works into example.json"


def types(**datatypes: Any) -> list[InputType]:
    return [InputType(name=name, datatype=datatype) for name, datatype in datatypes.items()]


def fit(estimator: Any, frame: Any, target: Any) -> Any:
    """Fitted, without the warnings that the encoders cause in pandas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(frame, target)


def datatypes(model: LoadedModel) -> dict[str, str]:
    return {spec.name: spec.datatype for spec in model.signature.inputs}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_encoder_of_another_library_is_not_assumed_to_accept_numbers(encoder: Any) -> None:
    options = {"max_process": 1} if encoder is HashingEncoder else {}
    estimator = make_pipeline(encoder(cols=["city", "plan"], **options), LogisticRegression())
    fit(estimator, KINDS, KIND == "gold")
    with pytest.raises(LoadError, match=ADVICE):
        load(estimator)
    declared = load(estimator, inputs=types(age="FP64", city="BYTES", plan="BYTES"))
    shown = load(estimator, {"instances": [{"age": 30.5, "city": "rome", "plan": "paid"}]})
    for model in (declared, shown):
        assert datatypes(model) == {"age": "FP64", "city": "BYTES", "plan": "BYTES"}
        assert_own_answers(model, estimator, KINDS)


def test_texts_are_detected_where_the_code_does_not_accept_numbers() -> None:
    estimator = make_pipeline(CatBoostEncoder(cols=["city", "plan"]), LogisticRegression())
    model = load(fit(estimator, KINDS, KIND == "gold"))
    assert datatypes(model) == {"age": "FP64", "city": "BYTES", "plan": "BYTES"}
    assert_own_answers(model, estimator, KINDS)


@pytest.mark.parametrize("form", ["instances", "dataframe_records", "dataframe_split", "inputs", "lists"])
def test_types_come_from_an_example_in_any_form(form: str) -> None:
    estimator = fit(make_pipeline(TargetEncoder(cols=["city", "plan"]), LogisticRegression()), KINDS, KIND == "gold")
    row = {"age": 30, "city": "rome", "plan": "paid"}
    example: dict[str, Any] = {
        "instances": {"instances": [row]},
        "dataframe_records": {"dataframe_records": [row]},
        "dataframe_split": {"dataframe_split": {"columns": [*row], "data": [[*row.values()]]}},
        "inputs": {"inputs": {name: [value] for name, value in row.items()}},
        "lists": {"instances": [[*row.values()]]},
    }[form]
    assert datatypes(load(estimator, example)) == {"age": "FP64", "city": "BYTES", "plan": "BYTES"}


def test_dates_whose_code_also_accepts_numbers_must_be_declared() -> None:
    estimator = make_pipeline(FunctionTransformer(seconds), StandardScaler(), LogisticRegression()).fit(DATED, KIND)
    with pytest.raises(LoadError, match=f"several datatypes for 'when': {ADVICE}"):
        load(estimator)


@pytest.mark.parametrize("function", [seconds, months])
def test_dates_are_iso_8601_text_if_the_operator_declares_them(function: Any) -> None:
    estimator = make_pipeline(FunctionTransformer(function), StandardScaler(), LogisticRegression()).fit(DATED, KIND)
    declared = load(estimator, inputs=types(when="DATETIME"))
    shown = load(estimator, {"instances": [{"when": "2024-02-03", "age": 30.5}]})
    for model in (declared, shown):
        assert datatypes(model) == {"when": "BYTES", "age": "FP64"}
        assert_own_answers(model, estimator, DATED)
        with pytest.raises(InvalidRequest, match="input 'when' contains text that is not an ISO 8601 date"):
            model.predict(inputs_of(model, DATED) | {"when": inputs_of(model, DATED)["when"] + "?"}, ["label"])


def test_dates_are_detected_if_the_code_accepts_nothing_else() -> None:
    estimator = make_pipeline(FunctionTransformer(months), StandardScaler(), LogisticRegression()).fit(DATED, KIND)
    assert_own_answers(load(estimator), estimator, DATED)


def test_booleans_and_integers_that_code_accepts_alike_come_from_the_example() -> None:
    frame = CUSTOMERS[["member", "age"]]
    estimator = make_pipeline(FunctionTransformer(guests), StandardScaler(), LogisticRegression()).fit(frame, KIND)
    with pytest.raises(LoadError, match=ADVICE):
        load(estimator)
    model = load(estimator, {"instances": [{"member": True, "age": 30.5}]})
    assert datatypes(model) == {"member": "BOOL", "age": "FP64"}
    assert_own_answers(model, estimator, frame)


def test_whole_numbers_of_an_example_stay_whole_if_the_model_distinguishes_them_from_others() -> None:
    frame = CUSTOMERS[["code", "age"]]
    estimator = make_pipeline(FunctionTransformer(postcode), Ridge()).fit(frame, SPENT)
    model = load(estimator, {"instances": [{"code": 17, "age": 30}]})
    assert datatypes(model) == {"code": "INT64", "age": "FP64"}
    assert_own_answers(model, estimator, frame)


def test_integers_of_an_example_represent_any_numbers_in_any_number_of_columns() -> None:
    columns = [f"c{index}" for index in range(12)]
    frame = pd.DataFrame(np.random.default_rng(0).random((40, 12)), columns=columns).assign(city=CUSTOMERS.city[:40])
    estimator = fit(make_pipeline(TargetEncoder(cols=["city"]), Ridge()), frame, SPENT[:40])
    model = load(estimator, {"instances": [{**dict.fromkeys(columns, 1), "city": "rome"}]})
    assert datatypes(model) == {**dict.fromkeys(columns, "FP64"), "city": "BYTES"}


def test_numbers_are_detected_where_code_does_not_accept_texts() -> None:
    # Row-major, like a request: BLAS adds column-major arrays in another order.
    numbers = np.ascontiguousarray(CUSTOMERS[["age", "visits"]].to_numpy(float))
    estimator = make_pipeline(Centred(), Ridge()).fit(numbers, SPENT)
    model = load(estimator)
    assert datatypes(model) == {"x": "FP64"}
    assert model.predict({"x": numbers}, ["value"])["value"].tolist() == estimator.predict(numbers).tolist()


def test_inputs_of_the_yaml_that_the_model_does_not_have_are_rejected() -> None:
    estimator = fit(make_pipeline(TargetEncoder(cols=["city", "plan"]), LogisticRegression()), KINDS, KIND == "gold")
    with pytest.raises(
        LoadError, match="the YAML's `inputs` name 'town', but the model was fitted with age, city, plan"
    ):
        load(estimator, inputs=types(town="BYTES"))


def test_an_example_that_is_not_json_is_rejected() -> None:
    estimator = ColumnTransformer([("scaled", StandardScaler(), ["age"])]).fit(CUSTOMERS)
    with pytest.raises(LoadError, match=r"example\.json is not JSON"):
        load_files(estimator, b"{not JSON")


class Nameless(BaseEstimator):
    """An operator's estimator, which does not declare its columns."""

    def fit(self, X: Any, y: Any = None) -> "Nameless":
        self.fitted_ = True
        return self

    def predict(self, X: Any) -> Any:
        return (X["age"] * 2 + X["city"].str.len()).to_numpy()


def test_columns_that_a_model_does_not_name_come_from_the_operator() -> None:
    with pytest.raises(LoadError, match="does not declare its columns: name them in `inputs`"):
        load(Nameless().fit(None))
    for model in (
        load(Nameless().fit(None), inputs=types(age="FP64", city="BYTES")),
        load(Nameless().fit(None), {"instances": [{"age": 3.5, "city": "rome"}]}),
    ):
        assert datatypes(model) == {"age": "FP64", "city": "BYTES"}
        frame = CUSTOMERS[["age", "city"]]
        given = model.predict(inputs_of(model, frame), ["prediction"])["prediction"]
        assert given.tolist() == Nameless().predict(frame).tolist()
