"""A scikit-learn model that its pool loads again: its trial runs are not repeated, and it is the same model."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadedModel
from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.sklearn import model as sklearn
from modelyard.runtimes.sklearn.artefact import read
from modelyard.runtimes.sklearn.compiled import gate
from modelyard.runtimes.sklearn.table.trial_runs import FittedEstimator

ROWS = np.random.default_rng(7).standard_normal((60, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)
NUMBERS = (
    make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS),
    RandomForestClassifier(5, random_state=7).fit(ROWS.astype(np.float32), LABELS),
)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The rows of all trial runs."""
    seen: list[Any] = []
    predict = FittedEstimator.predict
    monkeypatch.setattr(FittedEstimator, "predict", lambda self, rows: seen.append(rows) or predict(self, rows))
    yield seen


def load(estimator: Any, key: str | None) -> LoadedModel:
    with RESULTS.of(key):
        return sklearn.load({"model.skops": skops.io.dumps(estimator)}, ModelSpec(name="m"), cpus=1)


@pytest.mark.parametrize("estimator", NUMBERS, ids=["linear", "forest"])
def test_a_model_of_numbers_is_the_same_without_the_trial_runs(estimator: Any, runs: list[Any]) -> None:
    key = f"again {type(estimator).__name__}"
    first, tried = load(estimator, key), len(runs)
    again = load(estimator, key)
    assert len(runs) == tried > 0
    assert again.signature == first.signature
    assert {name: each.tolist() for name, each in again.example.items()} == {
        name: each.tolist() for name, each in first.example.items()
    }
    assert again.notes == first.notes
    inputs, outputs = {"x": ROWS}, [each.name for each in first.signature.outputs]
    expected, found = first.predict(inputs, outputs), again.predict(inputs, outputs)
    assert {name: each.tolist() for name, each in found.items()} == {
        name: each.tolist() for name, each in expected.items()
    }


def test_a_model_alone_and_one_with_other_files_are_tried_again(runs: list[Any]) -> None:
    for key in (None, None, "of these files", "of other files"):
        before = len(runs)
        load(NUMBERS[0], key)
        assert len(runs) > before


def test_a_model_with_categories_is_tried_again(runs: list[Any]) -> None:
    colours = np.array([["red"], ["blue"], ["green"]] * 20, dtype=object)
    estimator = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(colours, LABELS)
    for _ in range(2):
        before = len(runs)
        load(estimator, "categories")
        assert len(runs) > before


def test_a_model_whose_parts_were_not_compared_in_time_is_tried_again(
    runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    forest, key = NUMBERS[1], "late"
    with monkeypatch.context() as late:
        late.setattr(gate, "BUDGET_S", -1.0)
        first: Any = load(forest, key)
    before = len(runs)
    second: Any = load(forest, key)
    assert (first.compiled, second.compiled) == ((), ("RandomForestClassifier",))
    assert len(runs) > before


def test_the_outputs_of_a_model_are_found_without_a_call_of_its_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "outputs"
    first = load(NUMBERS[1], key)

    def called(*_: Any) -> Any:
        raise AssertionError("it was called")

    monkeypatch.setattr(sklearn, "outputs_of", called)
    assert load(NUMBERS[1], key).signature == first.signature


def test_the_outputs_of_a_model_with_very_many_classes_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn, "MAX_CLASSES", 1)
    calls: list[Any] = []
    find = sklearn.outputs_of
    monkeypatch.setattr(sklearn, "outputs_of", lambda *given: calls.append(given) or find(*given))
    for loads in (1, 2):
        load(NUMBERS[1], "many classes")
        assert len(calls) == loads


@pytest.mark.parametrize(("file", "checks"), [("model.skops", 1), ("model.pkl", 2)])
def test_trees_are_checked_again_where_the_file_may_run_code(
    file: str, checks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = skops.io.dumps(NUMBERS[1]) if file == "model.skops" else pickle.dumps(NUMBERS[1])
    spec = ModelSpec(name="m", trusted=file == "model.pkl")
    seen: list[Any] = []
    monkeypatch.setattr(read, "check_trees", seen.append)
    for _ in range(2):
        with RESULTS.of(f"trees of {file}"):
            sklearn.load({file: content}, spec, cpus=1)
    assert len(seen) == checks
