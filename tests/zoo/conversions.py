"""Random estimators of scikit-learn, converted to ONNX by skl2onnx."""

import warnings
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.zoo.case import SINGLE
from tests.zoo.draw import Draw
from tests.zoo.graph_builder import ML_OPSET, OPSET, GeneratedGraph, Input

WIDTH = 3
CITIES = ("oslo", "rome", "bern")
LABELS: tuple[tuple[Any, ...], ...] = (
    (0, 1),
    (0, 1, 2),
    (10, 20, 35),
    (-1, 1),
    ("no", "yes"),
    ("a", "b", "c"),
    ("10", "2", "35"),
)


def converted(draw: Draw) -> GeneratedGraph:
    """A fitted estimator as a graph."""
    x = draw.numpy.normal(0, 2, (60, WIDTH)).astype(np.float32)
    x[0] = 0
    hidden = x @ draw.numpy.normal(0, 1, WIDTH)
    labels = draw.one(*LABELS)
    edges = np.quantile(hidden, np.linspace(0, 1, len(labels) + 1)[1:-1])
    classes = np.array(labels)[np.digitize(hidden, edges)]
    estimator, y = draw.weighted(
        [
            (6, (_classifier(draw), classes)),
            (2, (_regressor(draw), hidden)),
            (1, (LinearRegression(), np.column_stack([hidden, -hidden]))),
            (1, (KMeans(3, n_init=1, random_state=0), None)),
            (1, (IsolationForest(n_estimators=4, random_state=0), None)),
            (0.5, (make_pipeline(StandardScaler(), PCA(2)), None)),
        ]
    )
    options: dict[Any, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if y is not None and draw.chance(0.3):
            return _mixed(draw, estimator, x, y)
        if draw.chance(0.4):
            estimator = make_pipeline(StandardScaler(), estimator)
        estimator.fit(x, y)
        final = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
        zipmap = draw.one(True, False, "columns")
        if hasattr(final, "predict_proba"):
            options = {id(estimator): {"zipmap": zipmap}}
        model = to_onnx(estimator, x[:1], options=options, target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET})
    name = model.graph.input[0].name
    shown = f"{estimator!r:.300}, {options and f'zipmap={zipmap}'} classes {_classes(final)}"
    return GeneratedGraph(
        f"skl2onnx {type(final).__name__}{f' zipmap={zipmap}' if options else ''}", shown, model.SerializeToString(),
        (Input(name, "FP32", (WIDTH,)),), SINGLE, classes=_classes(final),
    )  # fmt: skip


def _mixed(draw: Draw, estimator: Any, x: Any, y: Any) -> GeneratedGraph:
    """With a column of texts beside the numbers."""
    import pandas as pd

    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "city": draw.numpy.choice(np.array(CITIES, object), len(x))})
    front = ColumnTransformer(
        [("numbers", StandardScaler(), ["a", "b"]), ("city", OneHotEncoder(handle_unknown="ignore"), ["city"])]
    )
    fitted = make_pipeline(front, estimator).fit(frame, y)
    types = [
        ("a", FloatTensorType([None, 1])),
        ("b", FloatTensorType([None, 1])),
        ("city", StringTensorType([None, 1])),
    ]
    zipmap = draw.one(True, False)
    options = {id(fitted): {"zipmap": zipmap}} if hasattr(estimator, "predict_proba") else {}
    model = to_onnx(fitted, initial_types=types, options=options, target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET})
    inputs = (Input("a", "FP32", (1,)), Input("b", "FP32", (1,)), Input("city", "BYTES", (1,), (*CITIES, "paris")))
    kind = f"skl2onnx {type(estimator).__name__} of texts and numbers"
    shown = f"{fitted!r:.300} {options and zipmap} classes {_classes(estimator)}"
    return GeneratedGraph(kind, shown, model.SerializeToString(), inputs, SINGLE, classes=_classes(estimator))


def _classes(final: Any) -> list[Any] | None:
    return np.asarray(final.classes_).tolist() if is_classifier(final) else None


def _classifier(draw: Draw) -> Any:
    return draw.call(
        LogisticRegression,
        lambda: RandomForestClassifier(4, random_state=0),
        lambda: GradientBoostingClassifier(n_estimators=3, random_state=0),
        lambda: DecisionTreeClassifier(max_depth=3, random_state=0),
        GaussianNB,
        lambda: KNeighborsClassifier(3),
        lambda: MLPClassifier((4,), max_iter=20, random_state=0),
        LinearSVC,
        SVC,
    )


def _regressor(draw: Draw) -> Any:
    return draw.call(
        LinearRegression,
        Ridge,
        lambda: RandomForestRegressor(4, random_state=0),
        lambda: DecisionTreeRegressor(max_depth=3, random_state=0),
        lambda: MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, random_state=0),
    )
