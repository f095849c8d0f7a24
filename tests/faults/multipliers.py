"""Small models with known answers: each multiplies by a factor of its own, so that the answer of another model is noticed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import skops.io
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LinearRegression

from tests.serve.project import Project


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answers: the number of a request, times one of these factors."""

    factors: tuple[int, ...] = (2,)
    rows_are_lists: bool = False
    """Whether a row is a list with the number, and not the number itself."""

    def request(self, number: int) -> dict[str, Any]:
        """The body of a prediction."""
        return {"instances": [[number] if self.rows_are_lists else number]}

    def are_right(self, predictions: Any, number: int) -> bool:
        """Whether these are the predictions of a request with this number."""
        return np.ravel(predictions).tolist() in [[number * factor] for factor in self.factors]


def multiplies(*factors: int) -> Answers:
    """The answers of a model below, whose versions have these factors."""
    return Answers(factors, rows_are_lists=True)


def add_multiplier(project: Project, name: str, factor: int, runtime: str, version: int = 1) -> None:
    """Publish a version of a model. `runtime` is sklearn or onnx."""
    file, content = _with_onnx(factor) if runtime == "onnx" else _with_sklearn(factor)

    def make(folder: Any) -> None:
        folder.mkdir()
        (folder / file).write_bytes(content)

    project.publish(name, version, make)


def _with_sklearn(factor: int) -> tuple[str, bytes]:
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    model.coef_, model.intercept_ = np.array([float(factor)]), 0.0
    return "model.skops", skops.io.dumps(model)


def _with_onnx(factor: int) -> tuple[str, bytes]:
    shape: Sequence[Any] = [None, 1]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "multiplier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.array([factor], np.float32), "factor")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return "model.onnx", model.SerializeToString()
