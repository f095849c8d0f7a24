"""Models of other versions of scikit-learn: another patch version causes a note, and another minor version a rejection."""

import io
import logging
import pickle
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any
from zipfile import ZipFile

import joblib
import numpy as np
import pytest
import skops.io
from sklearn import __version__ as here
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn import model as sklearn
from modelyard.runtimes.sklearn.artefact.read import Artefact, read_estimator
from modelyard.runtimes.sklearn.artefact.versions import other_minors, versions_in

ROWS = np.random.default_rng(0).random((20, 2))
MAJOR, MINOR, PATCH = (int(part) for part in re.findall(r"\d+", here)[:3])
OTHER_PATCH, ANOTHER_PATCH = f"{MAJOR}.{MINOR}.{PATCH + 1}", f"{MAJOR}.{MINOR}.{PATCH + 10}"
OTHER_MINOR, OTHER_MAJOR = f"{MAJOR}.{MINOR - 1}.2", f"{MAJOR + 1}.{MINOR}.{PATCH}"


def with_joblib(model: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file, **how)
    return file.getvalue()


WRITERS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "joblib": ("model.joblib", with_joblib),
    "compressed joblib": ("model.joblib", lambda model: with_joblib(model, compress=3)),
    "pickle": ("model.pkl", pickle.dumps),
    "skops": ("model.skops", skops.io.dumps),
}


def saved_by(versions: Sequence[str], dump: Callable[[Any], bytes]) -> bytes:
    """A pipeline whose estimators were saved by these versions of scikit-learn, the last version for the rest.

    An estimator's version is part of its `__getstate__`.
    """
    model = make_pipeline(StandardScaler(), MinMaxScaler(), LogisticRegression()).fit(ROWS, ROWS[:, 0] > 0.5)
    order = [type(part) for part in (model, *(step for _, step in model.steps))]
    original = BaseEstimator.__getstate__

    def saved(estimator: Any) -> Any:
        version = versions[min(order.index(type(estimator)), len(versions) - 1)]
        return {**original(estimator), "_sklearn_version": version}

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(BaseEstimator, "__getstate__", saved)
        return dump(model)


@pytest.fixture(params=WRITERS)
def read(request: pytest.FixtureRequest) -> Callable[..., Artefact]:
    """From the versions of a pipeline's estimators to the file, for each format."""
    name, dump = WRITERS[request.param]

    def read(*versions: str, **keys: Any) -> Artefact:
        files = {name: saved_by(versions, dump)}
        return read_estimator(files, ModelSpec(name="churn", **{"trusted": True, **keys}))

    return read


def test_a_model_of_this_version_has_no_notes(read: Callable[..., Artefact]) -> None:
    assert read(here).notes == ()


def test_a_model_of_another_patch_loads_with_a_note_and_a_warning_in_the_log(
    read: Callable[..., Artefact], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        artefact = read(OTHER_PATCH)
    assert isinstance(artefact.estimator, Pipeline)
    (note,) = artefact.notes
    assert f"made with scikit-learn {OTHER_PATCH}, and scikit-learn {here} is installed" in note
    assert caplog.messages == [f"churn: {note}"]


def test_all_patches_in_one_file_are_named_in_order(read: Callable[..., Artefact]) -> None:
    (note,) = read(ANOTHER_PATCH, here, OTHER_PATCH).notes
    assert f"made with scikit-learn {OTHER_PATCH} and {ANOTHER_PATCH}, and scikit-learn" in note


@pytest.mark.parametrize("version", [OTHER_MINOR, OTHER_MAJOR, f"{MAJOR}.{MINOR}0.0", "pre-0.18", "0.24.2"])
def test_a_model_of_another_minor_is_rejected_unless_the_yaml_allows_it(
    read: Callable[..., Artefact], version: str
) -> None:
    with pytest.raises(LoadError) as rejected:
        read(version)
    assert f"made with scikit-learn {version}, and scikit-learn {here} is installed" in str(rejected.value)
    assert "`any_sklearn_version: true`" in str(rejected.value)
    (note,) = read(version, any_sklearn_version=True).notes
    assert f"made with scikit-learn {version}" in note


@pytest.mark.parametrize("order", [(OTHER_PATCH, OTHER_MINOR, here), (here, OTHER_PATCH, OTHER_MINOR)])
def test_one_estimator_of_another_minor_is_enough_for_a_rejection(
    read: Callable[..., Artefact], order: tuple[str, ...]
) -> None:
    with pytest.raises(LoadError) as rejected:
        read(*order)
    assert f"made with scikit-learn {OTHER_MINOR} and {OTHER_PATCH}, and scikit-learn" in str(rejected.value)


@pytest.mark.parametrize(
    ("version", "same"),
    [
        (f"{MAJOR}.{MINOR}", True),
        (f"{MAJOR}.{MINOR}.0", True),
        (f"{MAJOR}.{MINOR}.7rc1", True),
        (f"{MAJOR}.{MINOR}.dev0", True),
        (f"{MAJOR}.{MINOR}.1.post1", True),
        (f"{MAJOR}.{MINOR + 1}.dev0", False),
        ("pre-0.18", False),
    ],
)
def test_only_major_and_minor_decide_whether_results_may_differ(version: str, same: bool) -> None:
    assert other_minors([version]) == ([] if same else [version])


@pytest.mark.parametrize("dump", [dump for name, (_, dump) in WRITERS.items() if "compressed" not in name])
def test_the_versions_in_a_file_that_cannot_be_read_are_found(dump: Callable[[Any], bytes]) -> None:
    assert versions_in(saved_by([OTHER_MINOR], dump)) == {OTHER_MINOR}
    assert versions_in(saved_by([here], dump)) == set()


def test_a_model_that_this_version_cannot_read_is_reported_by_its_version() -> None:
    content = saved_by([OTHER_MINOR], lambda model: pickle.dumps(model, 0))
    gone = content.replace(b"sklearn.linear_model._logistic", b"sklearn.linear_model.logistic")
    assert gone != content
    with pytest.raises(LoadError) as rejected:
        read_estimator({"model.pkl": gone}, ModelSpec(name="m", trusted=True, any_sklearn_version=True))
    assert str(rejected.value).startswith(
        f"model.pkl was made with scikit-learn {OTHER_MINOR}, and the installed scikit-learn {here} cannot read it"
    )


class Warns:
    def __reduce__(self) -> Any:
        return warn, ()


def warn() -> LogisticRegression:
    warnings.warn("made by an older version of a booster", UserWarning, stacklevel=2)
    return LogisticRegression().fit(ROWS, ROWS[:, 0] > 0.5)


def test_other_warnings_of_a_file_are_passed_on() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_estimator({"model.pkl": pickle.dumps(Warns())}, ModelSpec(name="m", trusted=True))
    assert [str(warning.message) for warning in caught] == ["made by an older version of a booster"]


def test_the_served_model_shows_its_notes() -> None:
    files = {"model.pkl": saved_by([OTHER_PATCH], pickle.dumps)}
    assert len(sklearn.load(files, ModelSpec(name="m", trusted=True), cpus=1).notes) == 1


def test_a_skops_file_has_its_version_in_its_schema() -> None:
    """skops reads the version that `saved_by` writes."""
    with ZipFile(io.BytesIO(saved_by([OTHER_PATCH], skops.io.dumps))) as archive:
        assert OTHER_PATCH.encode() in archive.read("schema.json")
