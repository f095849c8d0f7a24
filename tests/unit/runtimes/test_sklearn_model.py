"""A loaded scikit-learn model: its signature, its example, the inputs that it rejects, and its use of threads."""

import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PowerTransformer, StandardScaler
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as openmp_threads

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InvalidRequest
from modelyard.inference.batch_parity import BatchParity
from modelyard.inference.warmup import different_rows
from modelyard.runtimes.base import LoadedModel, LoadError
from modelyard.runtimes.sklearn import model as sklearn
from modelyard.tensors import FREE, InferRequest, Tensors, TensorSpec
from tests.unit.runtimes.sklearn_models import (
    CASES,
    CODES,
    HOLES,
    LARGE,
    MIXED,
    NAMED,
    ROWS,
    SPECIES,
    TARGET,
    call_method,
    fitted,
    served,
)


def load(estimator: Any, **keys: Any) -> LoadedModel:
    cpus = keys.pop("cpus", 1)
    return sklearn.load({"model.skops": skops.io.dumps(estimator)}, ModelSpec(name="m", **keys), cpus=cpus)


def everything(model: LoadedModel, inputs: Tensors) -> Tensors:
    return model.predict(inputs, [spec.name for spec in model.signature.outputs])


@pytest.mark.parametrize("name", CASES)
def test_an_example_has_two_different_rows_with_the_same_outputs_alone_and_together(name: str) -> None:
    model = served(name)
    request = InferRequest(model.example, 2, tuple(spec.name for spec in model.signature.outputs))
    rows = different_rows([request])
    assert model.signature.rowwise
    assert len(rows) == 2
    assert BatchParity(model, rows).compare_examples() == ""


def test_a_table_of_numbers_is_one_input_with_its_columns() -> None:
    signature = served("logistic regression with named features").signature
    assert signature.inputs == (TensorSpec("x", "FP64", (FREE, 4), tuple(NAMED)),)
    assert signature.outputs == (TensorSpec("label", "BYTES", (FREE,)), TensorSpec("scores", "FP64", (FREE, 3)))
    assert (signature.task, signature.label, signature.scores) == ("classification", "label", "scores")
    assert signature.classes == ("setosa", "versicolor", "virginica")
    assert [type(name) for name in signature.classes] == [str, str, str]


def test_mixed_columns_are_an_input_each_with_the_types_they_were_fitted_with() -> None:
    signature = served("mixed columns").signature
    assert {spec.name: spec.datatype for spec in signature.inputs} == {
        "petal_length": "FP64",
        "petal_width": "FP64",
        "species": "BYTES",
        "flowers": "INT64",
        "wild": "FP64",
    }


def test_columns_that_are_not_read_are_not_inputs() -> None:
    assert "sepal_length" in MIXED
    assert "sepal_length" not in {spec.name for spec in served("mixed columns").signature.inputs}


@pytest.mark.parametrize(
    ("target", "datatype", "classes"),
    [(CODES, "INT64", (0, 1, 2)), (LARGE, "BOOL", (False, True)), (LARGE + 1.0, "FP64", (1.0, 2.0))],
)
def test_labels_keep_their_type(target: Any, datatype: str, classes: tuple[Any, ...]) -> None:
    signature = load(LogisticRegression(max_iter=1000).fit(ROWS, target)).signature
    assert signature.outputs[0].datatype == datatype
    assert signature.classes == classes
    assert {type(value) for value in signature.classes} == {type(value) for value in classes}


@pytest.mark.parametrize("estimator", [LogisticRegression(max_iter=1000), RandomForestClassifier(3, random_state=0)])
def test_labels_of_the_yaml_name_the_classes(estimator: Any) -> None:
    model = load(estimator.fit(ROWS, CODES + 5), labels=["setosa", "versicolor", "virginica"])
    assert model.signature.classes == ("setosa", "versicolor", "virginica")
    expected = [["setosa", "versicolor", "virginica"][code - 5] for code in estimator.predict(ROWS)]
    assert everything(model, {"x": ROWS})["label"].tolist() == expected
    assert model.predict({"x": ROWS}, ["label"])["label"].tolist() == expected


def test_too_few_labels_in_the_yaml_are_rejected() -> None:
    with pytest.raises(LoadError, match="the YAML has 2 labels, but the model has 3 classes"):
        load(fitted("logistic regression of integers"), labels=["a", "b"])


def test_only_the_wanted_outputs_are_computed() -> None:
    model = served("random forest")
    assert list(model.predict(model.example, ["scores"])) == ["scores"]
    assert list(model.predict(model.example, ["label"])) == ["label"]


def test_the_label_of_support_vectors_is_theirs_and_not_the_likeliest() -> None:
    estimator = fitted("support vectors with probabilities")
    model = load(estimator)
    rows = np.random.default_rng(1).uniform(0, 8, (2000, 4))
    outputs = everything(model, {"x": rows})
    likeliest = estimator.classes_[outputs["scores"].argmax(axis=1)]
    assert outputs["label"].tolist() == estimator.predict(rows).tolist()
    assert outputs["label"].tolist() != likeliest.tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.rows is ROWS and name != "isotonic regression"]
)
def test_values_that_are_not_finite_are_rejected_or_predicted_as_the_estimator_does(name: str, value: float) -> None:
    case, model = CASES[name], served(name)
    rows = ROWS[:3].copy()
    rows[1, 2] = value
    try:
        expected = [call_method(fitted(name), method, rows) for method in case.outputs.values()]
    except ValueError:
        with pytest.raises(InvalidRequest, match=r"input 'x' contains .* \(row 1, column 2\)"):
            everything(model, {"x": rows})
    else:
        for array, own in zip(everything(model, {"x": rows}).values(), expected, strict=True):
            np.testing.assert_array_equal(array, own)


def test_holes_are_fine_where_the_model_fills_them() -> None:
    model = served("histogram gradient boosting with holes")
    assert np.isnan(HOLES).any()
    assert len(everything(model, {"x": HOLES})["label"]) == len(HOLES)


def test_a_forest_accepts_rows_with_missing_values_if_it_was_fitted_with_some() -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(HOLES, SPECIES)
    outputs = everything(load(forest), {"x": HOLES})
    np.testing.assert_array_equal(outputs["scores"], forest.predict_proba(HOLES))
    assert outputs["label"].tolist() == forest.predict(HOLES).tolist()


@pytest.mark.parametrize("name", ["random forest", "gradient boosting", "ridge in a pipeline"])
def test_a_number_too_large_to_compute_with_is_rejected(name: str) -> None:
    expected = r"input 'x' contains 1e\+308 \(row 1, column 0\).*, up to 3.4e38"
    with np.errstate(all="ignore"), pytest.raises(InvalidRequest, match=expected):
        everything(served(name), {"x": np.vstack([ROWS[:1], np.full((1, 4), 1e308)])})


def test_an_unknown_category_is_an_error_of_the_client_and_is_named() -> None:
    columns = make_column_transformer((OneHotEncoder(), ["species"]), (StandardScaler(), ["petal_width"]))
    model = load(make_pipeline(columns, Ridge()).fit(MIXED, TARGET))
    inputs = {"species": np.array(["setosa", "rose"], dtype=object), "petal_width": np.array([1.0, 2.0])}
    with pytest.raises(
        InvalidRequest, match=r"input 'species' contains 'rose' \(row 1\), but the model knows 'setosa', "
    ):
        everything(model, inputs)


def test_texts_may_come_as_bytes() -> None:
    model = served("text")
    texts = np.array(["a setosa", "a virginica"], dtype=object)
    encoded = np.array([text.encode() for text in texts], dtype=object)
    assert (
        everything(model, {"text": encoded})["label"].tolist() == everything(model, {"text": texts})["label"].tolist()
    )
    with pytest.raises(InvalidRequest, match="row 1 of input 'text' is not UTF-8"):
        everything(model, {"text": np.array([b"fine", b"\xff"], dtype=object)})


def first_two(frame: pd.DataFrame) -> pd.DataFrame:
    """Operator code that requires a data frame."""
    return frame[["petal_length", "petal_width"]]


def test_code_that_was_fitted_with_a_frame_gets_a_frame() -> None:
    estimator = make_pipeline(FunctionTransformer(first_two), LogisticRegression()).fit(NAMED, SPECIES)
    model = load(estimator, trusted=True)
    read = {name: NAMED[name].to_numpy() for name in ("petal_length", "petal_width")}
    assert [spec.name for spec in model.signature.inputs] == list(read)
    assert model.predict(read, ["label"])["label"].tolist() == estimator.predict(NAMED).tolist()


def test_an_example_is_found_where_the_fitted_values_mislead() -> None:
    # The scaler stores logarithms. Using its values as lengths would take logarithms of negative numbers.
    estimator = make_pipeline(FunctionTransformer(np.log), StandardScaler(), Ridge()).fit(ROWS / 10, TARGET)
    assert (load(estimator).example["x"] > 0).all()
    assert (load(PowerTransformer("box-cox").fit(ROWS)).example["x"] > 0).all()


def test_a_forest_that_was_fitted_on_all_cores_predicts_on_one_thread() -> None:
    before = threading.active_count()
    everything(load(RandomForestClassifier(10, n_jobs=-1, verbose=2).fit(ROWS, SPECIES)), {"x": ROWS})
    assert threading.active_count() == before


def test_threads_are_limited_on_whichever_thread_the_model_is_called() -> None:
    model = load(fitted("histogram gradient boosting with holes"), cpus=0.5)
    seen = []

    def call() -> None:
        everything(model, model.example)
        seen.append(openmp_threads())

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert seen == [1]
