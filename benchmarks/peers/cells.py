"""The cells: each is a kind of request, at a number of requests in flight."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.peers.models import SEED, Served
from benchmarks.subjects import CHANNELS

MANY_ROWS = 256
Kind = Literal["json", "binary", "grpc"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of request to one model."""

    name: str
    title: str
    model: str
    kind: Kind = "json"
    connections: int = 64
    """For gRPC, 64 calls share them."""
    rows: int = 1

    def instances(self, model: Served) -> list[Any]:
        """The model's row, or many rows of as many random numbers."""
        if self.rows == 1:
            return model.instances
        width = len(model.instances[0])
        rows: list[Any] = (np.random.default_rng(SEED).random((self.rows, width)) * 8).tolist()
        return rows


CELLS: Mapping[str, Cell] = {
    cell.name: cell
    for cell in (
        Cell("json-1", "Small ONNX model, JSON, 1 in flight", "iris-onnx", connections=1),
        Cell("json-16", "Small ONNX model, JSON, 16 in flight", "iris-onnx", connections=16),
        Cell("json-64", "Small ONNX model, JSON, 64 in flight", "iris-onnx"),
        Cell("binary", "Small ONNX model, binary tensors, 64 in flight", "iris-onnx", "binary"),
        Cell("grpc", "Small ONNX model, gRPC, 16 calls on each of 4 connections", "iris-onnx", "grpc", CHANNELS),
        Cell("rows-json", "256 rows of 4 numbers, JSON, 64 in flight", "iris-onnx", rows=MANY_ROWS),
        Cell(
            "rows-binary", "256 rows of 4 numbers, binary tensors, 64 in flight", "iris-onnx", "binary", rows=MANY_ROWS
        ),
        Cell("mlp", "MLP, 784 numbers, JSON, 64 in flight", "mlp"),
        Cell("iris", "scikit-learn pipeline, 4 numbers, JSON, 64 in flight", "iris"),
        Cell("forest", "scikit-learn forest of 100 trees, JSON, 1 in flight", "forest", connections=1),
        Cell("text", "scikit-learn text classifier, JSON, 64 in flight", "text"),
        Cell("cnn", "CNN, 5 to 10 ms a row, JSON, 16 in flight", "cnn", connections=16),
    )
}
