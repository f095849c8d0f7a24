"""Models whose pickles use the operator's own modules, which are next to them in the version's folder."""

import gc
import importlib
import io
import pickle
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadedModel, LoadError
from modelyard.runtimes.sklearn import model as sklearn
from modelyard.runtimes.sklearn.artefact.read import read_estimator

ROWS = np.arange(20.0).reshape(10, 2)
ASKED = {"x": np.array([[1.0, 2.0], [3.0, 5.0]])}

FEATURES = """
    import numpy as np
    from sklearn.base import BaseEstimator, RegressorMixin

    FACTOR = {factor}

    def scaled(x):
        from shared import helpers  # at predict time
        return helpers.times(x, FACTOR)

    class Constant(RegressorMixin, BaseEstimator):
        def fit(self, x, y=None):
            self.n_features_in_ = x.shape[1]
            return self

        def predict(self, x):
            import shared.helpers as late
            return late.times(np.ones(len(x)), FACTOR)
"""
HELPERS = """
    def times(x, factor):
        from . import sign
        return sign.SIGN * factor * x
"""


def sources(factor: int = 2, sign: int = 1) -> dict[str, bytes]:
    texts = {
        "myfeatures.py": FEATURES.format(factor=factor),
        "shared/__init__.py": "",
        "shared/helpers.py": HELPERS,
        "shared/sign.py": f"SIGN = {sign}",
    }
    return {name: textwrap.dedent(text).encode() for name, text in texts.items()}


Fit = Callable[[Any], Any]
"""From the module `myfeatures` to a fitted model."""


def constant(module: Any) -> Any:
    return module.Constant().fit(ROWS)


def pipeline(module: Any) -> Any:
    return make_pipeline(FunctionTransformer(module.scaled), LinearRegression()).fit(ROWS, ROWS.sum(axis=1))


@pytest.fixture
def trained(tmp_path: Path) -> Iterator[Callable[[Fit], Any]]:
    """Fits with the modules on `sys.path`, like an operator's script, and removes them afterwards."""
    for name, content in sources().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    sys.path.insert(0, str(tmp_path))

    def fit(make: Fit) -> Any:
        return make(importlib.import_module("myfeatures"))

    yield fit
    sys.path.remove(str(tmp_path))
    forget()


def forget() -> None:
    """The operator's modules are removed from the process, so that it is like the server."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("myfeatures", "shared")]:
        del sys.modules[name]
    sys.path_importer_cache.clear()


def in_joblib(model: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


WRITERS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "joblib": ("model.joblib", in_joblib),
    "pickle": ("model.pkl", pickle.dumps),
    "cloudpickle": ("model.pkl", cloudpickle.dumps),
    "skops": ("model.skops", skops.io.dumps),
}


def load(files: dict[str, bytes], **keys: Any) -> LoadedModel:
    return sklearn.load(files, ModelSpec(name="m", **{"trusted": True, **keys}), cpus=1)


def response(model: LoadedModel) -> list[float]:
    values: list[float] = model.predict(ASKED, ["value"])["value"].tolist()
    return values


@pytest.fixture(params=WRITERS)
def artefact(request: pytest.FixtureRequest, trained: Callable[[Fit], Any], monkeypatch: Any) -> dict[str, bytes]:
    """A model that uses its module, saved in each format."""
    name, dump = WRITERS[request.param]
    content = dump(trained(constant))
    monkeypatch.setattr(sys, "path", sys.path[1:])
    forget()
    return {name: content}


def test_modules_next_to_a_model_are_found(artefact: dict[str, bytes]) -> None:
    assert response(load(artefact | sources())) == [2, 2]


def test_two_versions_use_their_own_modules(artefact: dict[str, bytes]) -> None:
    one, two = load(artefact | sources(3)), load(artefact | sources(5, sign=-1))
    assert (response(one), response(two), response(one)) == ([3, 3], [-5, -5], [3, 3])


def test_the_rest_of_the_process_does_not_see_the_modules(artefact: dict[str, bytes]) -> None:
    model = load(artefact | sources())
    assert response(model) == [2, 2]
    assert not {"myfeatures", "shared", "shared.helpers"} & sys.modules.keys()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("myfeatures")


def test_the_modules_are_removed_with_the_model(artefact: dict[str, bytes]) -> None:
    def private() -> set[str]:
        return {name for name in sys.modules if name.startswith("_modelyard_model_")}

    gc.collect()
    before, finders = private(), list(sys.meta_path)
    model = load(artefact | sources())
    assert private() - before
    del model
    gc.collect()
    assert private() == before
    assert sys.meta_path == finders


def test_a_function_of_a_module_may_import_its_neighbours_late(trained: Callable[[Fit], Any]) -> None:
    content = in_joblib(trained(pipeline))
    forget()
    model = load({"model.joblib": content} | sources(2))
    assert response(model) == pytest.approx([3, 8])


def test_no_code_is_loaded_for_a_model_that_is_not_trusted(trained: Callable[[Fit], Any]) -> None:
    content = skops.io.dumps(trained(constant))
    forget()
    planted = {"myfeatures.py": b"raise SystemExit('this must not run')"}
    with pytest.raises(LoadError, match=r"not known to be harmless: myfeatures\.Constant"):
        load({"model.skops": content} | planted, trusted=False)


def test_code_that_no_object_in_the_file_names_is_not_run() -> None:
    model = LinearRegression().fit(ROWS, ROWS[:, 0])
    files = {"model.pkl": pickle.dumps(model), "train.py": b"raise SystemExit('this must not run')"}
    assert response(load(files)) == pytest.approx([1, 3.5])


def test_the_code_finds_data_files_next_to_it(trained: Callable[[Fit], Any]) -> None:
    content = pickle.dumps(trained(constant))
    forget()
    reading = sources() | {
        "myfeatures.py": sources()["myfeatures.py"].replace(
            b"FACTOR = 2", b"from pathlib import Path\nFACTOR = int((Path(__file__).parent / 'factor.txt').read_text())"
        ),
        "factor.txt": b"7",
    }
    assert response(load({"model.pkl": content} | reading)) == [7, 7]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"myfeatures.py": None},
            "needs the Python module 'myfeatures', which is not installed: if it is a library, ",
        ),
        ({"myfeatures.py": None}, "if it is your own code, put myfeatures.py next to model.pkl"),
        (
            {"myfeatures.py": b"def scaled(x): return x\n"},
            "model.pkl needs 'Constant' of the module 'myfeatures' next to it, which does not define it",
        ),
        (
            {"myfeatures.py": b"\n\ndef broken(:\n"},
            "the code next to it failed at myfeatures.py:3: SyntaxError: invalid syntax",
        ),
        ({"myfeatures.py": b"\n1 / 0\n"}, "the code next to it failed at myfeatures.py:2: ZeroDivisionError"),
        ({"myfeatures.py": b"raise SystemExit(3)"}, "the code next to it failed at myfeatures.py:1: SystemExit: 3"),
        (
            {"myfeatures.py": b"import no_such_library\n"},
            "needs the Python module 'no_such_library' at myfeatures.py:1, which is not installed",
        ),
        (
            {"myfeatures.py": b"import shared.missing\n"},
            "needs the module 'shared.missing' at myfeatures.py:1, which is not among the files next to it",
        ),
    ],
)
def test_errors_in_the_code_are_reported(
    trained: Callable[[Fit], Any], changes: dict[str, bytes | None], expected: str, monkeypatch: Any
) -> None:
    content = pickle.dumps(trained(constant))
    monkeypatch.setattr(sys, "path", sys.path[1:])
    forget()
    files = {name: text for name, text in (sources() | changes).items() if text is not None}
    with pytest.raises(LoadError) as rejected:
        load({"model.pkl": content} | files)
    assert expected in str(rejected.value)
    assert "_modelyard_model_" not in str(rejected.value)
    assert not [name for name in sys.modules if name.partition(".")[0] in ("myfeatures", "shared")]


def test_a_missing_submodule_is_reported_by_its_path(monkeypatch: Any, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "cleaning.py").write_text("def clean(x):\n    return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    cleaning = importlib.import_module("src.cleaning")
    content = pickle.dumps(FunctionTransformer(cleaning.clean).fit(ROWS))
    monkeypatch.undo()
    for name in ("src", "src.cleaning"):
        sys.modules.pop(name)
    with pytest.raises(LoadError, match=r"put src/cleaning\.py next to model\.pkl"):
        load({"model.pkl": content})
    files = {"model.pkl": content, "src/cleaning.py": b"def clean(x):\n    return x\n"}
    assert read_estimator(files, ModelSpec(name="m", trusted=True)).estimator.func is not cleaning.clean
