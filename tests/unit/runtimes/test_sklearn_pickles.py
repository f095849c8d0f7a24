"""Pickles that are written and compressed by several tools, damaged files, and files that are not pickles."""

import bz2
import gzip
import io
import lzma
import pickle
import sys
import zlib
from collections.abc import Callable
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import FunctionTransformer

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.artefact.read import Artefact, read_estimator

ROWS = np.arange(80.0).reshape(40, 2)
MODEL = RandomForestClassifier(2, random_state=0).fit(ROWS, np.arange(40) % 3)


def read(name: str, content: bytes, **keys: Any) -> Artefact:
    return read_estimator({name: content}, ModelSpec(name="m", **{"trusted": True, **keys}))


def rejection(name: str, content: bytes, **keys: Any) -> str:
    with pytest.raises(LoadError) as rejected:
        read(name, content, **keys)
    return str(rejected.value)


def with_joblib(model: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(model, file, **how)
    return file.getvalue()


PLAIN = pickle.dumps(MODEL)
FILES: dict[str, bytes] = {
    "joblib": with_joblib(MODEL),
    **{f"joblib, compressed with {name}": with_joblib(MODEL, compress=(name, 3)) for name in ("zlib", "gzip", "bz2", "xz", "lzma")},
    **{f"pickle, protocol {protocol}": pickle.dumps(MODEL, protocol) for protocol in range(6)},
    "cloudpickle": cloudpickle.dumps(MODEL),
    "pickle, compressed with gzip": gzip.compress(PLAIN),
    "pickle, compressed in two parts": gzip.compress(PLAIN[:1000]) + gzip.compress(PLAIN[1000:]),
    "pickle, compressed with bz2": bz2.compress(PLAIN),
    "pickle, compressed with xz": lzma.compress(PLAIN),
    "pickle, compressed with zlib": zlib.compress(PLAIN),
}  # fmt: skip


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl"])
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_pickle_of_any_writer_is_read_under_any_name(name: str, content: bytes) -> None:
    estimator = read(name, content).estimator
    assert np.array_equal(estimator.predict_proba(ROWS), MODEL.predict_proba(ROWS))


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl"])
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, -1])
def test_an_incomplete_file_is_reported(name: str, content: bytes, kept: float) -> None:
    expected = rejection(name, content[: kept if isinstance(kept, int) else int(len(content) * kept)])
    assert expected.startswith(f"{name} is incomplete: copy it again") or expected.startswith(
        f"{name} is damaged or incomplete: copy it again"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (skops.io.dumps(MODEL), "model.pkl is not a pickle: it is a zip archive (PyTorch and skops write such files)"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "model.pkl is not a pickle: it is an HDF5 file"),
        (b"GGUF\x03\x00\x00\x00", "model.pkl is not a pickle: it is a llama.cpp model"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
        (b"\x93NUMPY\x01\x00", "model.pkl is not a pickle: it is a numpy array"),
        (gzip.compress(PLAIN)[:-8] + bytes(8), "model.pkl is damaged or incomplete: copy it again (CRC check failed"),
        (b"\x80\x09N.", "ValueError: unsupported pickle protocol: 9"),
        (b"\x80\x04]\x94.", "contains a list, not a scikit-learn estimator"),
    ],
    ids=["zip", "HDF5", "GGUF", "zstd", "numpy", "wrong checksum", "a protocol of the future", "a list"],
)  # fmt: skip
def test_a_file_that_is_not_a_pickled_model_is_reported(content: bytes, expected: str) -> None:
    assert expected in rejection("model.pkl", content)


def test_lz4_is_reported_if_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    assert "compressed with lz4, which is not installed" in rejection("model.joblib", b"\x04\x22M\x18" + bytes(20))


def test_a_pickle_with_the_name_of_a_skops_file_is_reported() -> None:
    assert "it is a pickle; name it model.pkl" in rejection("model.skops", PLAIN)


def _names(module: str, attribute: str) -> bytes:
    """A pickle that imports this name."""
    return b"\x80\x04c" + f"{module}\n{attribute}\n.".encode()


@pytest.mark.parametrize(
    ("module", "attribute", "expected"),
    [
        (
            "no_such_module",
            "f",
            "if it is a library, install it (pip install no_such_module); if it is your own code, put",
        ),
        ("src.features.clean", "f", "put src/features/clean.py next to model.pkl"),
        ("sksurv_", "f", "put sksurv_.py next to model.pkl"),
        ("skopt.searchcv", "BayesSearchCV", "install it (pip install scikit-optimize)"),
        ("sklearn.tree.tree", "f", "needs the module 'sklearn.tree.tree', which the installed sklearn"),
        ("sklearn.tree", "Tree2", "needs sklearn.tree.Tree2, which the installed sklearn"),
        ("numpy._core.nothing", "f", f"which the installed numpy {np.__version__} does not have"),
        ("pandas._libs.internals", "_unpickle_tomorrow", "the file was made with another version of it"),
        ("__builtin__", "__main__", "saved with dill"),
    ],
)
def test_a_missing_name_is_reported_with_a_remedy(module: str, attribute: str, expected: str) -> None:
    assert expected in rejection("model.pkl", _names(module, attribute))


def test_a_library_is_not_reported_as_the_operators_own_code() -> None:
    assert "next to" not in rejection("model.pkl", _names("skopt.searchcv", "BayesSearchCV"))


Dump = Callable[[Any], bytes]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function of the module `__main__`, the program of this test run."""
    main = sys.modules["__main__"]

    def log_of_both(x: Any) -> Any:
        return np.log1p(x)

    log_of_both.__module__, log_of_both.__qualname__ = "__main__", "log_of_both"
    monkeypatch.setattr(main, "log_of_both", log_of_both, raising=False)
    return log_of_both


@pytest.mark.parametrize(
    ("name", "dump"),
    [("model.joblib", with_joblib), ("model.pkl", pickle.dumps), ("model.skops", skops.io.dumps)],
    ids=["joblib", "pickle", "skops"],
)
def test_a_function_of_a_notebook_is_reported_by_its_name(name: str, dump: Dump, notebook: Any) -> None:
    expected = rejection(name, dump(FunctionTransformer(notebook).fit(ROWS)))
    assert expected.startswith(f"{name} uses 'log_of_both', which the notebook or script that saved it defined")
    assert f"put features.py next to {name}" in expected


def test_a_name_of_the_servers_program_never_replaces_the_notebooks(notebook: Any) -> None:
    assert hasattr(sys.modules["__main__"], "log_of_both")
    assert "uses 'log_of_both'" in rejection("model.pkl", _names("__main__", "log_of_both"))
    assert hasattr(sys.modules["__main__"], "log_of_both")


def test_cloudpickle_stores_a_notebooks_function_in_the_file(notebook: Any) -> None:
    content = cloudpickle.dumps(FunctionTransformer(notebook).fit(ROWS))
    assert np.array_equal(read("model.pkl", content).estimator.transform(ROWS), np.log1p(ROWS))
