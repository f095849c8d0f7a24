"""A model that a pool loads again does not repeat the checks whose results are known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.tree import DecisionTreeClassifier

from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.runtimes.process import PROCESS
from tests.unit.replica.loaded_version import loading

PATIENCE_S = 60


@pytest.fixture
def many_models() -> Iterator[None]:
    PROCESS.holds_many_models = True
    yield
    PROCESS.holds_many_models = False


def artefact(seed: int) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    tree = DecisionTreeClassifier(random_state=seed).fit(rng.normal(size=(200, 4)), rng.integers(0, 2, 200))
    return {"model.skops": skops.io.dumps(tree)}


def load(root: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[LoadedVersion, int]:
    """The version, and how often the estimator was called."""
    count = 0
    original = DecisionTreeClassifier.predict_proba

    def counted(self: Any, *args: Any, **keys: Any) -> Any:
        nonlocal count
        count += 1
        return original(self, *args, **keys)

    with monkeypatch.context() as patch:
        patch.setattr(DecisionTreeClassifier, "predict_proba", counted)
        loaded = loading(root, files, "sklearn").result(PATIENCE_S)
    return loaded, count


@pytest.mark.usefixtures("many_models")
def test_a_second_load_of_the_same_files_makes_few_calls_and_has_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = artefact(1)
    first, calls = load(tmp_path, files, monkeypatch)
    second, again = load(tmp_path, files, monkeypatch)
    assert again < calls / 3
    assert second.warmup == first.warmup
    assert second.model.notes == first.model.notes
    _, other = load(tmp_path, artefact(2), monkeypatch)
    assert other > 2 * again, "other files are checked"


def test_a_model_alone_is_checked_at_every_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = artefact(3)
    _, calls = load(tmp_path, files, monkeypatch)
    _, again = load(tmp_path, files, monkeypatch)
    assert again > calls / 2
