"""Compiled forests, trees and boosting: on every threshold and one unit in the last place to each side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from modelyard.errors import InvalidRequest
from modelyard.runtimes.sklearn.compiled import boosting, flat_trees, forests, kernels, threshold_rows
from modelyard.runtimes.sklearn.compiled.gate import same
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows
from tests.unit.runtimes.customers import load

RANDOM = np.random.default_rng(3)
ROWS = np.round(RANDOM.normal(size=(240, 5)), 2)
ROWS[::9] = 0.0
TARGET = ROWS @ [1.0, -2.0, 0.5, 0.0, 3.0] + np.sin(ROWS[:, 0] * 4)
THREE = np.digitize(TARGET, [-2, 2])
TWO = np.where(TARGET > 0, "yes", "no")
HOLES = np.where(RANDOM.random(ROWS.shape) < 0.1, np.nan, ROWS)

MODELS: dict[str, tuple[Any, Any, Any]] = {
    "forest": (RandomForestClassifier(20, random_state=0), ROWS, THREE),
    "forest of one tree": (RandomForestClassifier(1, random_state=0), ROWS, THREE),
    "forest of two classes": (RandomForestClassifier(7, max_depth=3, random_state=0), ROWS, TWO),
    "forest with holes": (RandomForestClassifier(20, random_state=0), HOLES, THREE),
    "forest of numbers": (RandomForestRegressor(20, random_state=0), ROWS, TARGET),
    "forest of trees without nodes": (RandomForestRegressor(3, max_depth=1, min_samples_leaf=200), ROWS, TARGET),
    "extra trees": (ExtraTreesClassifier(33, random_state=0), ROWS, THREE),
    "extra trees of numbers": (ExtraTreesRegressor(10, random_state=0), ROWS, TARGET),
    "tree": (DecisionTreeClassifier(random_state=0), ROWS, THREE),
    "tree with holes": (DecisionTreeRegressor(random_state=0), HOLES, TARGET),
    "extra tree": (ExtraTreeClassifier(random_state=0), ROWS, TWO),
    "extra tree of numbers": (ExtraTreeRegressor(random_state=0), ROWS, TARGET),
    "boosting": (GradientBoostingClassifier(n_estimators=12, random_state=0), ROWS, TWO),
    "boosting of three classes": (GradientBoostingClassifier(n_estimators=6, random_state=0), ROWS, THREE),
    "boosting by exponential loss": (GradientBoostingClassifier(loss="exponential", n_estimators=6), ROWS, TWO),
    "boosting from zero": (GradientBoostingClassifier(init="zero", n_estimators=6, random_state=0), ROWS, THREE),
    "boosting of numbers": (GradientBoostingRegressor(n_estimators=12, random_state=0), ROWS, TARGET),
    "boosting of a quantile": (GradientBoostingRegressor(loss="quantile", n_estimators=6), ROWS, TARGET),
    "histograms": (HistGradientBoostingClassifier(max_iter=12, random_state=0), HOLES, TWO),
    "histograms of three classes": (HistGradientBoostingClassifier(max_iter=6, random_state=0), ROWS, THREE),
    "histograms of numbers": (HistGradientBoostingRegressor(max_iter=12, random_state=0), HOLES, TARGET),
    "histograms of counts": (HistGradientBoostingRegressor(loss="poisson", max_iter=6), ROWS, np.abs(TARGET)),
    "histograms stopped early": (HistGradientBoostingClassifier(max_iter=9, early_stopping=True), ROWS, THREE),
}


def thresholds(estimator: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The features and the thresholds of all inner nodes, read from the estimator itself."""
    features, values = [], []
    if hasattr(estimator, "_predictors"):
        for nodes in (each.nodes for iteration in estimator._predictors for each in iteration):
            inner = nodes["is_leaf"] == 0
            features.append(nodes["feature_idx"][inner])
            values.append(nodes["num_threshold"][inner])
    else:
        for member in np.ravel(getattr(estimator, "estimators_", [estimator])):
            inner = member.tree_.children_left >= 0
            features.append(member.tree_.feature[inner])
            values.append(member.tree_.threshold[inner])
    return np.concatenate(features), np.concatenate(values)


def hard_rows(estimator: Any, rows: Any) -> np.ndarray[Any, Any]:
    """Rows of the fit in which one column is a threshold, or a number next to it in single or in double precision."""
    random = np.random.default_rng(5)
    features, values = thresholds(estimator)
    chosen = random.choice(len(values), size=min(60, len(values)), replace=False) if len(values) else []
    made = [*rows[:20]]
    for node in chosen:
        single = np.float32(values[node])
        beside = [
            values[node],
            *(np.nextafter(values[node], side) for side in (-np.inf, np.inf)),
            float(single),
            *(float(np.nextafter(single, np.float32(side))) for side in (-np.inf, np.inf)),
        ]
        for value in beside:
            row = rows[random.integers(len(rows))].copy()
            row[features[node]] = value
            made.append(row)
    found = np.array(made)
    return found if hasattr(estimator, "_predictors") else found[(np.abs(np.nan_to_num(found)) < 1e38).all(axis=1)]


def assert_same_bits(
    model: Any, estimator: Any, rows: Any, sizes: Sequence[int] = (1, 3, 64, 65, 128, 129, 1000)
) -> None:
    methods = {"value": "predict"} if "value" in {spec.name for spec in model.signature.outputs} else {}
    methods = methods or {"label": "predict", "scores": "predict_proba"}
    for size in sizes:
        part = rows[:size] if size > 1 else rows[-1:]
        outputs = model.predict({"x": part}, (*methods,))
        for name, method in methods.items():
            expected = getattr(estimator, method)(part)
            assert same(expected.astype(object) if expected.dtype.kind == "U" else expected, outputs[name])
    for row in range(0, len(rows), 7):
        outputs = model.predict({"x": rows[row : row + 1]}, (*methods,))
        for name, method in methods.items():
            assert outputs[name].tolist() == getattr(estimator, method)(rows[row : row + 1]).tolist()


@pytest.mark.parametrize("name", MODELS)
def test_compiled_trees_serve_scikit_learns_own_outputs_on_and_next_to_thresholds(name: str) -> None:
    estimator, rows, target = MODELS[name]
    model: Any = load(estimator.fit(rows, target))
    assert model.notes == ()
    assert model.compiled == (type(estimator).__name__,)
    assert_same_bits(model, estimator, hard_rows(estimator, rows))


def test_compiled_trees_after_a_scaler_serve_scikit_learns_own_outputs() -> None:
    estimator = make_pipeline(StandardScaler(), RandomForestClassifier(9, random_state=0)).fit(ROWS, THREE)
    model: Any = load(estimator)
    assert model.compiled == ("RandomForestClassifier",)
    assert_same_bits(model, estimator, ROWS)


def test_compiled_trees_read_single_precision() -> None:
    narrow = ROWS.astype(np.float32)
    estimator = RandomForestClassifier(9, random_state=0).fit(narrow, THREE)
    model: Any = load(estimator, inputs={f"x{number}": "FP32" for number in range(5)})
    assert [each.datatype for each in model.signature.inputs] == ["FP32"]
    assert model.compiled == ("RandomForestClassifier",)
    assert same(model.predict({"x": narrow}, ("scores",))["scores"], estimator.predict_proba(narrow))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
@pytest.mark.parametrize("name", ["forest", "tree", "boosting", "boosting of numbers"])
def test_numbers_that_scikit_learn_rejects_are_rejected(name: str, value: float) -> None:
    estimator, rows, target = MODELS[name]
    model: Any = load(estimator.fit(rows, target))
    row = rows[:1].copy()
    row[0, 1] = value
    try:
        with np.errstate(over="ignore"):
            expected = estimator.predict(row)
    except ValueError:
        with pytest.raises(InvalidRequest):
            model.predict({"x": row}, (model.signature.outputs[0].name,))
    else:
        assert (
            model.predict({"x": row}, (model.signature.outputs[0].name,))[model.signature.outputs[0].name] == expected
        )


REFUSED = {
    "it has several outputs": (RandomForestClassifier(3), ROWS, np.column_stack([THREE, THREE])),
    "categories are not supported": (
        HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]),
        np.abs(ROWS).round(),
        THREE,
    ),
    "its trees start from the predictions of another estimator": (
        GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2),
        ROWS,
        THREE,
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_model_with_an_option_that_is_not_supported_serves_and_says_why(reason: str) -> None:
    estimator, rows, target = REFUSED[reason]
    model: Any = load(estimator.fit(rows, target))
    assert model.compiled == ()
    assert model.notes == (f"{type(estimator).__name__} is not compiled: {reason}",)
    name = model.signature.outputs[0].name
    assert model.predict({"x": rows[:9]}, (name,))[name].tolist() == estimator.predict(rows[:9]).tolist()


def test_trees_that_are_too_large_to_copy_or_to_check_serve_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = RandomForestClassifier(5, random_state=0).fit(ROWS, THREE)
    with monkeypatch.context() as small:
        small.setattr(flat_trees, "MAX_BYTES", 1000)
        model: Any = load(estimator)
        assert "MiB of nodes" in model.notes[0] and model.compiled == ()
    monkeypatch.setattr(threshold_rows, "MAX_VALUES", 100)
    model = load(estimator)
    assert "too large to be checked" in model.notes[0] and model.compiled == ()


JOINED_NODES = flat_trees.joined_nodes


def one_threshold_moved(trees: Any, width: int, names: Any) -> Any:
    """The threshold of the last inner node is the next number in single precision."""
    nodes, offsets = JOINED_NODES(trees, width, names)
    last = np.flatnonzero(nodes[names[0]] != nodes[names[1]])[-1]
    nodes[names[3]][last] = np.nextafter(np.float32(nodes[names[3]][last]), np.float32(np.inf))
    return nodes, offsets


def one_way_for_missing(trees: Any, width: int, names: Any) -> Any:
    """Missing values go the other way at the last inner node."""
    nodes, offsets = JOINED_NODES(trees, width, names)
    last = np.flatnonzero(nodes[names[0]] != nodes[names[1]])[-1]
    nodes["missing_go_to_left"][last] ^= 1
    return nodes, offsets


@pytest.mark.parametrize("wrong", [one_threshold_moved, one_way_for_missing])
@pytest.mark.parametrize("name", ["forest with holes", "histograms"])
def test_one_wrong_node_among_all_trees_is_refused_and_the_model_serves_the_right_answers(
    name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator, rows, target = MODELS[name]
    estimator.fit(rows, target)
    monkeypatch.setattr(flat_trees, "joined_nodes", wrong)
    monkeypatch.setattr(boosting, "joined_nodes", wrong)
    model: Any = load(estimator)
    assert model.compiled == ()
    (note,) = model.notes
    assert note.endswith("returns another value near one of its thresholds")
    assert_same_bits(model, estimator, hard_rows(estimator, rows), (1, 64))


def test_a_sum_in_another_order_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(rows: SparseRows, weights: Any) -> Any:
        ends = rows.indptr[1:]
        return np.array([weights[rows.indices[end - 40 : end][::-1]].sum(axis=0) for end in ends])

    assert kernels.weighted_sums is forests.weighted_sums
    monkeypatch.setattr(forests, "weighted_sums", backwards)
    estimator = RandomForestRegressor(40, random_state=0).fit(ROWS, TARGET)
    model: Any = load(estimator)
    assert model.compiled == ()
    assert model.notes == ("RandomForestRegressor is not compiled: its predict differs",)
    assert_same_bits(model, estimator, ROWS, (1, 64))
