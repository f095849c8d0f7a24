"""Makes the models that the subjects serve: one pipeline in several forms, and a model with a large tensor as input."""

import shutil
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper
from skl2onnx import to_onnx

from benchmarks import request_bodies
from benchmarks.rivals import own_predict
from benchmarks.subjects import Artefacts
from examples.models import iris
from examples.train import publish, train
from examples.trained import Score, Trained


def make(folder: Path) -> Artefacts:
    """The iris example for scikit-learn, as ONNX and as a custom class; the model for large tensors; the requests."""
    requests = folder / "requests"
    requests.mkdir()
    artefacts = Artefacts(
        onnx=folder / "onnx",
        sklearn=folder / "sklearn",
        own_predict=folder / "own",
        tensor=folder / "tensor",
        requests=request_bodies.write(requests),
    )
    publish(artefacts.sklearn / "iris", train("iris"))
    publish(artefacts.onnx / "iris", iris_as_onnx())
    own = artefacts.own_predict / "iris" / "1"
    own.mkdir(parents=True)
    shutil.copy(own_predict.__file__, own)
    shutil.copy(artefacts.sklearn / "iris" / "1" / "model.skops", own / own_predict.FILE)
    tensor = artefacts.tensor / "tensor" / "1"
    tensor.mkdir(parents=True)
    (tensor / "model.onnx").write_bytes(largest_as_onnx())
    return artefacts


def iris_as_onnx() -> Trained:
    """The iris pipeline as an ONNX graph. Input: rows of four FP32 values. Outputs: a label and three probabilities."""
    pipeline, held_out, species = iris.fit()
    rows = held_out.to_numpy(dtype=np.float32)
    graph = to_onnx(pipeline, rows[:1], options={"zipmap": False}, name="iris")
    return Trained(
        artefact="model.onnx",
        content=graph.SerializeToString(),
        score=Score("accuracy", pipeline.score(held_out, species), at_least=0.9, rows=len(rows)),
        instances=held_out.head(1).to_numpy().tolist(),
    )


def largest_as_onnx() -> bytes:
    """A model that returns the maximum of each FP32 row. It computes little, so the protocols dominate the measurement."""
    rows = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", request_bodies.TENSOR_VALUES])
    largest = helper.make_tensor_value_info("largest", TensorProto.FLOAT, ["rows"])
    node = helper.make_node("ReduceMax", ["x"], ["largest"], axes=[1], keepdims=0)
    graph = helper.make_graph([node], "largest", [rows], [largest])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
