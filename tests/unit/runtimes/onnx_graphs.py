"""Small ONNX graphs for the tests, as the bytes of `model.onnx`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.onnx import model as onnx
from modelyard.runtimes.onnx.model import OnnxModel
from modelyard.tensors import Tensors

OPSET, ML_OPSET, IR = 18, 3, 9


def tensor(name: str, type_: int, shape: Sequence[int | str | None] | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, type_, shape)


def weights(name: str, values: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values), name)


def proto(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    initialisers: Sequence[TensorProto] = (),
    opset: int = OPSET,
) -> ModelProto:
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initialisers))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR)


def graph(*parts: Any, **keys: Any) -> bytes:
    return bytes(proto(*parts, **keys).SerializeToString())


def same(type_: int, shape: Sequence[int | str | None] | None) -> bytes:
    """y = x."""
    return graph([helper.make_node("Identity", ["x"], ["y"])], [tensor("x", type_, shape)], [tensor("y", type_, shape)])


def load(model: bytes, cpus: float = 1, files: dict[str, bytes] | None = None, **keys: Any) -> OnnxModel:
    return onnx.load({"model.onnx": model, **(files or {})}, ModelSpec(name="m", **keys), cpus=cpus)


def everything(model: OnnxModel, inputs: Tensors) -> Tensors:
    return model.predict(inputs, [spec.name for spec in model.signature.outputs])
