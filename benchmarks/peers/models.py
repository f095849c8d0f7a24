"""The models that all servers serve, each with the rows that requests send and the expected outputs."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import skops.io
from onnx import TensorProto, checker, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.artefacts import iris_as_onnx
from benchmarks.request_bodies import ROW
from benchmarks.rivals.inference import load
from examples.models import ticket_topic
from examples.train import VERSION, publish
from examples.trained import Score, Trained

SEED = 7
PIXELS = 28
CLASSES = 10
HIDDEN = 256
CHANNELS = 128
LAYERS = 8
"""Convolutions of CHANNELS to CHANNELS: 116 million multiplications each, so that a row takes 5 to 10 ms of one core."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model in a model repository."""

    name: str
    repository: Path
    artefact: Path
    instances: list[Any]
    """The rows of its requests."""

    def expected(self, instances: list[Any]) -> dict[str, Any]:
        """The response to these instances: `predictions`, and `confidences` for a classifier."""
        return load(str(self.artefact)).predict(instances)


def iris_onnx() -> tuple[Trained, list[Any]]:
    return iris_as_onnx(), [list(ROW)]


def mlp() -> tuple[Trained, list[Any]]:
    """784 numbers, one hidden layer, ten scores."""
    pick = np.random.default_rng(SEED)
    weights = {"w1": _weights(pick, PIXELS**2, HIDDEN), "w2": _weights(pick, HIDDEN, CLASSES)}
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w2"], ["c"]),
        helper.make_node("Softmax", ["c"], ["scores"], axis=1),
    ]
    return _image_model(nodes, weights), [_image(pick)]


def cnn() -> tuple[Trained, list[Any]]:
    """784 numbers as an image of one channel, LAYERS convolutions, ten scores."""
    pick = np.random.default_rng(SEED)
    weights = {"shape": np.array([-1, 1, PIXELS, PIXELS]), "w": _weights(pick, CHANNELS, CLASSES)}
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["c0"])]
    for layer, channels in enumerate([1, *[CHANNELS] * LAYERS]):
        kernel = pick.standard_normal((CHANNELS, channels, 3, 3), np.float32) / np.float32(3 * channels**0.5)
        weights[f"k{layer}"] = kernel
        nodes += [
            helper.make_node("Conv", [f"c{layer}", f"k{layer}"], [f"r{layer}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"r{layer}"], [f"c{layer + 1}"]),
        ]
    nodes += [
        helper.make_node("ReduceMean", [f"c{LAYERS + 1}"], ["pooled"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["pooled", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    return _image_model(nodes, weights), [_image(pick)]


def iris() -> tuple[Trained, list[Any]]:
    """The pipeline of the example, trained without names of columns: servers that send arrays to it would get a warning."""
    data = load_iris()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.data, data.target_names[data.target])
    return _joblib(pipeline, [list(ROW)])


def forest() -> tuple[Trained, list[Any]]:
    """100 trees on 30 numbers."""
    data = load_breast_cancer()
    trees = RandomForestClassifier(100, random_state=SEED).fit(data.data, data.target_names[data.target])
    return _joblib(trees, data.data[:1].tolist())


def text() -> tuple[Trained, list[Any]]:
    """The example that classifies messages of customers."""
    trained = ticket_topic.train()
    return _joblib(skops.io.loads(trained.content), list(trained.instances[:1]))


MODELS: Mapping[str, Callable[[], tuple[Trained, list[Any]]]] = {
    "iris-onnx": iris_onnx,
    "mlp": mlp,
    "iris": iris,
    "forest": forest,
    "text": text,
    "cnn": cnn,
}


def make(name: str, repository: Path) -> Served:
    """Train the model into the repository."""
    trained, instances = MODELS[name]()
    publish(repository / name, trained)
    return Served(name, repository, repository / name / VERSION / trained.artefact, instances)


def _weights(pick: np.random.Generator, inputs: int, outputs: int) -> Any:
    return pick.standard_normal((inputs, outputs), np.float32) / np.float32(inputs**0.5)


def _image(pick: np.random.Generator) -> list[float]:
    """The numbers of an FP32 image, as short as JSON can have them."""
    return [float(str(value)) for value in pick.random(PIXELS**2, np.float32)]


def _image_model(nodes: list[Any], weights: Mapping[str, Any]) -> Trained:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", PIXELS**2])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", CLASSES])]
    constants = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "image", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return _trained("model.onnx", model.SerializeToString(), [[0.5] * PIXELS**2])


def _joblib(estimator: Any, instances: list[Any]) -> tuple[Trained, list[Any]]:
    file = io.BytesIO()
    joblib.dump(estimator, file)
    return _trained("model.joblib", file.getvalue(), instances), instances


def _trained(artefact: str, content: bytes, instances: list[Any]) -> Trained:
    return Trained(artefact, content, Score("none", 1, at_least=0, rows=len(instances)), instances)
