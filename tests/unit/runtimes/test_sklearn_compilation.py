"""Whether a model is compiled: the setting, the gate's budget, private modules that are missing, and repeated loads."""

import sys
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.sklearn import compiled
from modelyard.runtimes.sklearn.compiled import gate
from tests.unit.runtimes.customers import load

TEXTS = ["the cat sat", "on a mat", "a dog ran", "in the park"] * 5
ROWS = np.arange(40.0).reshape(20, 2) % 7
LABELS = ["cat", "cat", "dog", "dog"] * 5


@pytest.fixture(scope="module")
def text_model() -> Any:
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def forest() -> Any:
    return RandomForestClassifier(5, random_state=0).fit(ROWS, LABELS)


def test_a_model_is_compiled_unless_the_setting_is_off(text_model: Any, forest: Any) -> None:
    text = {"text": np.array(TEXTS, object)}
    for estimator, inputs, names in (
        (text_model, text, ("TfidfVectorizer", "LogisticRegression")),
        (forest, {"x": ROWS}, ("RandomForestClassifier",)),
    ):
        auto: Any = load(estimator)
        off: Any = load(estimator, compiled="off")
        assert (auto.compiled, auto.notes) == (names, ())
        assert (off.compiled, off.notes) == ((), ())
        for output in ("label", "scores"):
            assert gate.same(off.predict(inputs, (output,))[output], auto.predict(inputs, (output,))[output])


def test_a_part_that_cannot_be_compared_in_time_is_not_compiled(
    text_model: Any, forest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "BUDGET_S", -1.0)
    for estimator, name in ((text_model, "TfidfVectorizer"), (forest, "RandomForestClassifier")):
        model: Any = load(estimator)
        assert model.compiled == ()
        assert model.notes == (f"{name} is not compiled: {gate.LATE}",)


@pytest.mark.parametrize("module", ["scipy.sparse._sparsetools", "sklearn.feature_extraction._hashing_fast"])
def test_a_release_that_moves_a_private_module_serves_without_it(
    text_model: Any, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("vectorizers", "kernels", "sparse_linear"):  # imported again at the load
        monkeypatch.delitem(sys.modules, f"{compiled.__name__}.{name}", raising=False)
        monkeypatch.delattr(compiled, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]  # an import of it fails
    package, _, leaf = module.rpartition(".")
    monkeypatch.delattr(sys.modules[package], leaf)
    model: Any = load(text_model)
    assert model.compiled == ()
    assert "TfidfVectorizer is not compiled: " in model.notes[0]
    inputs = {"text": np.array(TEXTS[:2], object)}
    assert model.predict(inputs, ("label",))["label"].tolist() == ["cat", "cat"]


def test_a_repeated_load_of_the_same_files_does_not_compare_again(
    text_model: Any, forest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, estimator in enumerate((text_model, forest)):
        identity = f"compilation test {number}"
        with RESULTS.of(identity):
            first: Any = load(estimator)
        with monkeypatch.context() as late, RESULTS.of(identity):
            late.setattr(gate, "BUDGET_S", -1.0)
            second: Any = load(estimator)
        assert first.compiled == second.compiled != ()
        assert second.notes == ()
