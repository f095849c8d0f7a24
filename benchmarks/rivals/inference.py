"""The model of every server in this package: an ONNX graph or a joblib of scikit-learn, and its predictions.

The servers run in environments of their own. This module imports numpy, and the framework of the model that it loads.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "MODEL"
"""The variable with the path of the artefact."""


class Model:
    """A loaded model. A classifier has two outputs, labels and scores; other models have one."""

    names: tuple[str, ...]
    """Of the outputs."""

    def rows(self, instances: Sequence[Any]) -> Any:
        """The model's input for rows of numbers."""
        raise NotImplementedError

    def run(self, rows: Any) -> list[Any]:
        """The outputs, as arrays."""
        raise NotImplementedError

    def predict(self, instances: Sequence[Any]) -> dict[str, Any]:
        """The response to these instances."""
        return response(self.run(self.rows(instances)))


class OnnxModel(Model):
    """A graph with one FP32 input."""

    def __init__(self, path: Path) -> None:
        import onnxruntime  # noqa: PLC0415  # not every environment has it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the server has a process for each core
        self._session = onnxruntime.InferenceSession(path, options)
        self._input = self._session.get_inputs()[0].name
        self.names = tuple(output.name for output in self._session.get_outputs())

    def rows(self, instances: Sequence[Any]) -> Any:
        return np.array(instances, dtype=np.float32)

    def run(self, rows: Any) -> list[Any]:
        outputs: list[Any] = self._session.run(None, {self._input: rows})
        return outputs


class SklearnModel(Model):
    """A classifier of numbers or texts."""

    names = ("label", "scores")

    def __init__(self, path: Path) -> None:
        import joblib  # noqa: PLC0415  # not every environment has it

        self._pipeline = joblib.load(path)

    def rows(self, instances: Sequence[Any]) -> Any:
        return instances if isinstance(instances[0], str) else np.array(instances)

    def run(self, rows: Any) -> list[Any]:
        scores = self._pipeline.predict_proba(rows)
        return [self._pipeline.classes_[np.argmax(scores, axis=1)], scores]


def load(path: str | None = None) -> Model:
    """The model at this path, or at the path in the variable MODEL."""
    file = Path(path or os.environ[MODEL])
    return OnnxModel(file) if file.suffix == ".onnx" else SklearnModel(file)


def response(outputs: Sequence[Any]) -> dict[str, Any]:
    """The predictions of these outputs; of a classifier, also the highest score of each row."""
    if len(outputs) == 1:
        return {"predictions": outputs[0].tolist()}
    labels, scores = outputs
    return {"predictions": labels.tolist(), "confidences": scores.max(axis=1).tolist()}


def response_of_each(outputs: Sequence[Any], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """The responses to the requests of a batch, each with this number of rows."""
    ends = np.cumsum(sizes)
    return [response([output[end - size : end] for output in outputs]) for size, end in zip(sizes, ends, strict=True)]
