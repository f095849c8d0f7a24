"""Builds a graph, and records the properties that follow from its construction."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from modelyard.tensors import DTYPES
from tests.zoo.case import DOUBLE, HALF, SINGLE
from tests.zoo.draw import Draw

OPSET, ML_OPSET, IR = 18, 3, 9
TOLERANCE = {"FP32": SINGLE, "FP64": DOUBLE, "FP16": HALF}
"""By the datatype that a graph computes in."""


@dataclass(frozen=True)
class Input:
    """An input of a graph."""

    name: str
    datatype: str
    row: tuple[int, ...]
    """The shape of one row; -1 for any length."""
    values: tuple[Any, ...] = ()
    """The values that it may contain; () for any numbers."""
    rowed: bool = True
    """Whether it has an axis of rows."""

    @property
    def lone(self) -> tuple[int, ...]:
        """The shape of a row that is a plain value."""
        return (1,) if self.row == (1,) else ()


@dataclass(frozen=True)
class GeneratedGraph:
    """A model and its known properties."""

    kind: str
    shown: str
    model: bytes
    inputs: tuple[Input, ...]
    tolerance: float
    rows: bool = True
    """Whether the model computes each row independently."""
    mixes_rows: bool = False
    """Whether a row's output depends on other rows."""
    own_lengths: bool = False
    """Whether the first axes of the inputs differ."""
    whole_rows: int = 0
    """The length of the first axis if it is fixed, else 0."""
    classes: list[Any] | None = None


class Graph:
    """Nodes, inputs, weights and outputs."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._nodes: list[NodeProto] = []
        self._infos: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._weights: list[TensorProto] = []
        self._inputs: list[Input] = []
        self._names = 0
        self._rows = draw.one("N", "batch", None)
        self.names_rows = self._rows is not None
        """Whether the first axes have the same name: without a common operator, only that shows that their lengths are equal."""

    def input(
        self, name: str, datatype: str, row: tuple[int, ...], *, values: tuple[Any, ...] = (), rows: int = 0
    ) -> str:
        """An input of rows of this shape."""
        self._inputs.append(Input(name, datatype, row, values))
        shape = [rows or self._rows, *(f"{name}_{axis}" if length < 0 else length for axis, length in enumerate(row))]
        element = helper.np_dtype_to_tensor_dtype(DTYPES[datatype]) if datatype != "BYTES" else TensorProto.STRING
        self._infos.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def weights(self, values: Any) -> str:
        """A constant."""
        name = self._name("w")
        self._weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """A node's first output."""
        return self.nodes(kind, inputs, 1, **attributes)[0]

    def nodes(self, kind: str, inputs: list[str], outputs: int, **attributes: Any) -> list[str]:
        """The last `outputs` outputs of a node: an LSTM has one more before those that are used here."""
        names = [self._name(kind.lower()) for _ in range(outputs)]
        all_names = ["", *names] if kind == "LSTM" else names
        self._nodes.append(helper.make_node(kind, inputs, all_names[: 3 if kind == "LSTM" else None], **attributes))
        return names

    def output(self, value: str, name: str) -> None:
        """Make a value an output with this name."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_empty_tensor_value_info(name))

    def made(
        self,
        kind: str,
        tolerance: float,
        *,
        rows: bool = True,
        mixes: bool = False,
        own_lengths: bool = False,
        whole_rows: int = 0,
        classes: list[Any] | None = None,
    ) -> GeneratedGraph:
        """The model, with the types and shapes that onnx infers."""
        from onnx import shape_inference

        graph = helper.make_graph(self._nodes, "g", self._infos, self._outputs, self._weights)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR)
        model = shape_inference.infer_shapes(model, strict_mode=False)
        shown = f"{[(each.name, each.datatype, each.row) for each in self._inputs]} -> " + " ".join(
            node.op_type for node in self._nodes
        )
        content: bytes = model.SerializeToString()
        inputs = tuple(self._inputs)
        return GeneratedGraph(kind, shown, content, inputs, tolerance, rows, mixes, own_lengths, whole_rows, classes)

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"
