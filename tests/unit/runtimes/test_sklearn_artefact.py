"""Which artefacts load, and the messages for the others."""

import io
import pickle
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import joblib
import numpy as np
import pytest
import skops.io
from sklearn import __version__ as this_version
from sklearn.cluster import DBSCAN
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadedModel, LoadError
from modelyard.runtimes.sklearn import model as sklearn
from tests.unit.runtimes.sklearn_models import LARGE, ROWS, SPECIES, fitted

FOREST = "random forest"


def load(name: str, content: bytes, **keys: Any) -> LoadedModel:
    return sklearn.load({name: content}, ModelSpec(name="m", **keys), cpus=1)


def rejection(name: str, content: bytes, **keys: Any) -> str:
    with pytest.raises(LoadError) as caught:
        load(name, content, **keys)
    return str(caught.value)


def with_joblib(estimator: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(estimator, file)
    return file.getvalue()


def changed(content: bytes, before: str, after: str) -> bytes:
    """The skops file with a change in its schema."""
    file = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as old, ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(before.encode(), after.encode()))
    return file.getvalue()


@pytest.mark.parametrize(("name", "dumps"), [("model.joblib", with_joblib), ("model.pkl", pickle.dumps)])
def test_a_pickle_loads_only_where_it_is_trusted(name: str, dumps: Callable[[Any], bytes]) -> None:
    content = dumps(fitted(FOREST))
    assert load(name, content, trusted=True).signature.task == "classification"
    expected = rejection(name, content)
    assert expected.startswith(f"{name} is a pickle")
    assert "`trusted: true`" in expected


def test_types_that_may_do_harm_are_listed_and_load_only_where_they_are_trusted() -> None:
    content = skops.io.dumps(KNeighborsClassifier(algorithm="kd_tree").fit(ROWS, SPECIES))
    assert "sklearn.neighbors._kd_tree.KDTree" in rejection("model.skops", content)
    assert load("model.skops", content, trusted=True).signature.label == "label"


def test_a_function_of_another_library_is_rejected() -> None:
    content = skops.io.dumps(FunctionTransformer(np.log1p).fit(ROWS))
    smuggled = changed(changed(content, '"log1p"', '"system"'), '"numpy"', '"os"')
    assert smuggled != content
    assert "os.system" in rejection("model.skops", smuggled)


@pytest.mark.parametrize("name", ["model.skops", "model.pkl"])
def test_both_versions_are_named_where_another_scikit_learn_made_the_model(name: str) -> None:
    estimator = fitted(FOREST)
    content = skops.io.dumps(estimator) if name == "model.skops" else pickle.dumps(estimator)
    other = "9.9.9"[: len(this_version)].ljust(len(this_version), "9")
    old = (
        changed(content, this_version, other)
        if name == "model.skops"
        else content.replace(this_version.encode(), other.encode())
    )
    expected = rejection(name, old, trusted=True)
    assert f"made with scikit-learn {other}" in expected
    assert f"scikit-learn {this_version} is installed" in expected
    assert load(name, old, trusted=True, any_sklearn_version=True).signature.label == "label"


BROKEN = {
    "nothing": (b"", "cannot be read"),
    "no archive": (b"junk", "not a zip archive"),
    "half an archive": (skops.io.dumps(StandardScaler().fit(ROWS))[:500], "not a zip archive"),
    "a dictionary": (skops.io.dumps({"a": 1}), "contains a dict, not a scikit-learn estimator"),
    "an unfitted model": (skops.io.dumps(LogisticRegression()), "LogisticRegression in model.skops is not fitted"),
    "an unfitted pipeline": (skops.io.dumps(make_pipeline(StandardScaler(), LogisticRegression())), "is not fitted"),
    "a clustering of its own rows": (skops.io.dumps(DBSCAN().fit(ROWS)), "cannot compute outputs for new rows"),
    "a reader of files": (
        skops.io.dumps(HashingVectorizer(input="filename").fit([])),
        "opens the files that its input names",
    ),
    "a reader of dictionaries": (skops.io.dumps(DictVectorizer().fit([{"a": 1}])), "takes dictionaries"),
}


@pytest.mark.parametrize(("content", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_served_is_reported_with_the_reason(content: bytes, expected: str) -> None:
    assert expected in rejection("model.skops", content)


@pytest.mark.parametrize("content", [b"", b"\x80\x04junk", b"cno_such_module\nthing\n."])
def test_a_damaged_pickle_is_a_load_error(content: bytes) -> None:
    assert rejection("model.pkl", content, trusted=True).startswith("model.pkl ")


def test_a_version_without_a_model_is_reported_with_the_expected_files() -> None:
    assert "no model.skops, model.joblib or model.pkl" in rejection("notes.txt", b"")


def _point_at(field: str, number: int) -> bytes:
    forest = pickle.loads(pickle.dumps(fitted(FOREST)))
    state = forest.estimators_[0].tree_.__getstate__()
    state["nodes"][field][0] = number
    forest.estimators_[0].tree_.__setstate__(state)
    return skops.io.dumps(forest)


@pytest.mark.parametrize(
    ("field", "number"),
    [("left_child", 10**6), ("right_child", 10**6), ("left_child", 0), ("feature", 99), ("feature", -7)],
)
def test_a_tree_with_indices_outside_itself_is_rejected(field: str, number: int) -> None:
    assert "a decision tree of the model is damaged" in rejection("model.skops", _point_at(field, number))


def test_a_tree_wider_than_its_forest_is_rejected() -> None:
    forest = pickle.loads(pickle.dumps(fitted(FOREST)))
    forest.estimators_[0].n_features_in_ = 99
    assert "features that the model does not have" in rejection("model.skops", skops.io.dumps(forest))


@pytest.mark.parametrize(
    ("field", "number"), [("left", 10**6), ("right", 0), ("feature_idx", 99), ("is_categorical", 1), ("bitset_idx", 7)]
)
def test_a_boosted_tree_with_indices_outside_itself_is_rejected(field: str, number: int) -> None:
    rows = np.column_stack([np.arange(len(ROWS)) % 5, ROWS])
    categorical = [0] if field == "bitset_idx" else None
    target = rows[:, 0] % 2 if categorical else LARGE
    boosted = HistGradientBoostingClassifier(max_iter=1, categorical_features=categorical).fit(rows, target)
    boosted._predictors[0][0].nodes[field][0] = number
    assert "a decision tree of the model is damaged" in rejection("model.skops", skops.io.dumps(boosted))
