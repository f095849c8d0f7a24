"""The `onnx` package's own models with their inputs and outputs, and graphs of other kinds: alone, in a batch, and over JSON."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import ExtraTreesRegressor, IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsRegressor, LocalOutlierFactor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
)
from sklearn.svm import SVR, OneClassSVM

from modelyard.inference.batch_parity import BatchParity
from modelyard.inference.warmup import different_rows
from modelyard.runtimes.base import LoadError
from modelyard.tensors import InferRequest
from tests.unit.runtimes.onnx_graphs import everything, load
from tests.unit.runtimes.test_onnx_over_json import predict_json

DATA = Path(onnx.__file__).parent / "backend/test/data"
FOLDERS = sorted(each.parent for pattern in ("simple", "pytorch-*") for each in DATA.glob(f"{pattern}/*/model.onnx"))
X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
SOME = X[::13]


def stored(folder: Path, kind: str) -> list[np.ndarray]:
    files = sorted(folder.glob(f"test_data_set_0/{kind}_*.pb"), key=lambda file: int(file.stem.split("_")[1]))
    return [numpy_helper.to_array(TensorProto.FromString(file.read_bytes())) for file in files]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_models_of_the_onnx_package_return_its_expected_outputs(folder: Path) -> None:
    content = (folder / "model.onnx").read_bytes()
    expected = stored_or_skip(folder)
    try:
        model = load(content)
    except LoadError as error:
        # Their kinds of input are not supported, or onnxruntime lacks the operators.
        assert any(
            word in str(error) for word in ("requests hold tensors", "cannot be loaded", "no inputs", "no shape")
        )
        return
    names = [spec.name for spec in model.signature.inputs if not spec.optional]
    given = dict(zip(names, stored(folder, "input"), strict=False))
    response = everything(model, given)
    for name, values in zip(response, expected, strict=True):
        if values.dtype == object:
            assert response[name].tolist() == values.tolist()
        else:
            np.testing.assert_allclose(response[name], values, rtol=1e-3, atol=1e-5)


def stored_or_skip(folder: Path) -> list[np.ndarray]:
    try:
        return stored(folder, "output")
    except Exception:  # noqa: BLE001 - a sequence is no TensorProto
        pytest.skip("its outputs are no tensors")


NUMERIC: dict[str, Any] = {
    "PCA": PCA(2),
    "SVD": TruncatedSVD(2),
    "polynomials": make_pipeline(PolynomialFeatures(2), Ridge()),
    "powers": PowerTransformer(),
    "bins": KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"),
    "trees": ExtraTreesRegressor(3, random_state=0),
    "neighbours": KNeighborsRegressor(3),
    "Gaussian process": GaussianProcessRegressor(alpha=0.1),
    "support vectors": SVR(),
    "counts": PoissonRegressor(),
    "network": MLPRegressor(hidden_layer_sizes=(4,), max_iter=60, tol=1, random_state=0),
    "several numbers": Ridge(),
    "imputed": make_pipeline(SimpleImputer(), Ridge()),
}
DETECTORS: dict[str, Any] = {
    "isolation": IsolationForest(n_estimators=3, random_state=0),
    "one class": OneClassSVM(nu=0.1),
    "local outliers": LocalOutlierFactor(novelty=True),
    "mixture": GaussianMixture(2, random_state=0),
}


def rows_agree(content: bytes, inputs: dict[str, np.ndarray]) -> None:
    """Outputs are the same alone, in a batch and through onnxruntime; and the model allows rows to share a call."""
    model = load(content)
    assert (model.signature.rowwise, model.mixes_rows, model.loop_safe) == (True, "", True)
    outputs = tuple(spec.name for spec in model.signature.outputs)
    rows = len(next(iter(inputs.values())))
    assert BatchParity(model, different_rows([InferRequest(inputs, rows, outputs)])).compare_examples() == ""
    session = onnxruntime.InferenceSession(content)
    for name, values in zip(outputs, session.run(None, inputs), strict=True):
        np.testing.assert_array_equal(everything(model, inputs)[name], values)


@pytest.mark.parametrize("name", NUMERIC | DETECTORS)
def test_converted_estimators_return_the_same_alone_and_in_a_batch(name: str) -> None:
    estimator = (NUMERIC | DETECTORS)[name]
    target = np.stack([Y, X[:, 0]], 1) if name == "several numbers" else None if name in DETECTORS else Y
    few = slice(None, None, 5) if name == "Gaussian process" else slice(None)  # whose fit is slow
    estimator.fit(X[few], None if target is None else target[few])
    content = to_onnx(estimator, X[:1], target_opset={"": 18, "ai.onnx.ml": 3}).SerializeToString()
    rows_agree(content, {"X": SOME})
    first = everything(load(content), {"X": SOME})[load(content).signature.outputs[0].name]
    expected = estimator.predict(SOME) if hasattr(estimator, "predict") else estimator.transform(SOME)
    expected = expected.toarray() if hasattr(expected, "toarray") else expected
    np.testing.assert_allclose(np.ravel(first), np.ravel(expected), rtol=2e-3, atol=2e-3)


def test_a_pipeline_over_floats_integers_and_texts_returns_its_own_outputs() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "income": np.linspace(1, 9, 12).astype(np.float32),
            "visits": np.arange(12),
            "city": pd.Series(["Rome", "Oslo", "Bern"] * 4, dtype=object),
        }
    )
    columns = ColumnTransformer(
        [("n", PCA(1), ["income"]), ("i", "passthrough", ["visits"]),
         ("c", OneHotEncoder(handle_unknown="ignore"), ["city"])]
    )  # fmt: skip
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, ["yes", "no", "no", "yes"] * 3)
    kinds = {"income": FloatTensorType, "visits": Int64TensorType, "city": StringTensorType}
    types = [(name, kind([None, 1])) for name, kind in kinds.items()]
    model = to_onnx(pipeline, initial_types=types, options={id(pipeline): {"zipmap": False}})
    rows_agree(model.SerializeToString(), {
        "income": frame[["income"]].to_numpy(), "visits": frame[["visits"]].to_numpy(), "city": frame[["city"]].to_numpy(),
    })  # fmt: skip
    response = predict_json(
        load(model.SerializeToString()), {"instances": frame.to_dict("records"), "probabilities": True}
    )
    assert response["predictions"] == pipeline.predict(frame).tolist()
    assert response["classes"] == ["no", "yes"]
    np.testing.assert_allclose(response["probabilities"], pipeline.predict_proba(frame), atol=1e-5)


def test_texts_are_classified_as_the_pipeline_does() -> None:
    texts = ["a fine day", "rain again", "fine rain", "a day again"]
    vectorizer = TfidfVectorizer()
    pipeline = make_pipeline(vectorizer, LogisticRegression()).fit(texts, ["dry", "wet", "wet", "dry"])
    types = [("text", StringTensorType([None]))]
    options = {id(vectorizer): {"locale": "C"}, id(pipeline): {"zipmap": False}}
    content = to_onnx(pipeline, initial_types=types, options=options).SerializeToString()
    rows_agree(content, {"text": np.array(texts, object)})
    response = predict_json(load(content), {"instances": texts})
    assert response["predictions"] == pipeline.predict(texts).tolist()
    assert response["confidences"] == pytest.approx(pipeline.predict_proba(texts).max(1), abs=1e-5)


def test_the_repositorys_own_model_is_tried_with_its_own_example() -> None:
    folder = Path(__file__).parents[3] / "model_repository/digits/1"
    content = (folder / "model.onnx").read_bytes()
    model = load(content, files={"example.json": (folder / "example.json").read_bytes()})
    assert model.signature.rowwise
    [example] = model.example.values()
    assert len(example) == 2
    assert example[0].max() == 16
