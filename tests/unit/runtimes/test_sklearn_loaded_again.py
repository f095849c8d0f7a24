"""A scikit-learn model that its pool loads again: its trial runs are not repeated, and it is the same model."""

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
