"""Random graphs with inputs and outputs of all datatypes, and labels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from modelyard.tensors import DTYPES
from tests.zoo.case import DOUBLE, SINGLE
from tests.zoo.draw import Draw
from tests.zoo.graph_builder import TOLERANCE, GeneratedGraph, Graph


def several(draw: Draw) -> GeneratedGraph:
    """Several inputs and outputs of several datatypes."""
    graph = Graph(draw)
    number = graph.input("number", draw.one("FP32", "FP64"), ())
    count = graph.input("count", draw.one("INT64", "INT32", "UINT8"), (), values=(0, 1, 2, 7, 100))
    features = graph.input("features", "FP32", (3,))
    outputs: list[Callable[[], None]] = [
        lambda: graph.output(graph.node("Cast", [count], to=TensorProto.INT64), "whole"),
        lambda: graph.output(graph.node("Cast", [number], to=TensorProto.DOUBLE), "double"),
        lambda: graph.output(graph.node("Greater", [features, graph.weights(np.float32(0))]), "positive"),
        lambda: graph.output(graph.node("ReduceSum", [features, graph.weights(np.array([1]))], keepdims=0), "sum"),
        lambda: graph.output(graph.node("ArgMax", [features], axis=1, keepdims=0), "largest"),
        lambda: graph.output(graph.node("Cast", [count], to=TensorProto.STRING), "written"),
        lambda: graph.output(
            graph.node(
                "Add",
                [graph.node("Cast", [number], to=TensorProto.FLOAT), graph.node("Cast", [count], to=TensorProto.FLOAT)],
            ),
            "both",
        ),
    ]
    if draw.chance(0.4):
        flag = graph.input("flag", "BOOL", (), values=(True, False))
        outputs.append(lambda: graph.output(graph.node("Not", [flag]), "not"))
    if draw.chance(0.4):
        text = graph.input("text", "BYTES", (), values=("a", "b", "ü", ""))
        outputs.append(lambda: graph.output(graph.node("Identity", [text]), "same"))
    for output in draw.some(outputs, 1, 5):
        output()
    return graph.made("several inputs and outputs", SINGLE, rows=graph.names_rows)


def narrow(draw: Draw) -> GeneratedGraph:
    """Every datatype, by itself."""
    datatype = draw.one(*(name for name in DTYPES if name != "BYTES"))
    graph = Graph(draw)
    values = () if datatype.startswith("FP") else (True, False) if datatype == "BOOL" else (0, 1, 2, 100)
    value = graph.input("x", datatype, draw.one((), (1,), (3,)), values=values)
    graph.output(graph.node("Identity", [value]), "y")
    return graph.made(f"Identity of {datatype}", TOLERANCE.get(datatype, DOUBLE))


def words(draw: Draw) -> GeneratedGraph:
    """Texts to numbers, and back."""
    graph = Graph(draw)
    text = graph.input("word", "BYTES", draw.one((), (2,)), values=("a", "b", "c", "ü", "zzz"))
    codes = graph.node(
        "LabelEncoder",
        [text],
        domain="ai.onnx.ml",
        keys_strings=["a", "b", "ü"],
        values_int64s=[1, 2, 3],
        default_int64=0,
    )
    outputs: list[Callable[[], None]] = [
        lambda: graph.output(graph.node("Gather", [graph.weights(np.float32([0.5, 1.5, -2, 9])), codes]), "value"),
        lambda: graph.output(graph.node("Equal", [codes, graph.weights(np.int64(2))]), "is_b"),
        lambda: graph.output(graph.node("Identity", [codes]), "code"),
    ]
    for output in draw.some(outputs, 1):
        output()
    return graph.made("words", SINGLE)


def labelled(draw: Draw) -> GeneratedGraph:
    """A hand-made classifier: a LabelEncoder computes the label, which need not have the largest score."""
    graph = Graph(draw)
    value = graph.input("x", "FP32", (3,))
    weights = draw.numpy.normal(0, 1, (3, 3)).astype(np.float32)
    scores = graph.node("Softmax", [graph.node("MatMul", [value, graph.weights(weights)])], axis=1)
    texts = draw.chance(0.5)
    names: Sequence[Any] = (
        draw.one(("c", "a", "b"), ("10", "20", "35")) if texts else draw.one((10, 20, 35), (-1, 0, 7), (0, 1, 2))
    )
    best = graph.node(draw.one("ArgMax", "ArgMin"), [scores], axis=1, keepdims=0)
    values = {"values_strings": names} if texts else {"values_int64s": names}
    label = graph.node("LabelEncoder", [best], domain="ai.onnx.ml", keys_int64s=[0, 1, 2], **values)
    graph.output(label, "label")
    graph.output(scores, draw.one("probabilities", "scores", "probs"))
    return graph.made(f"LabelEncoder to {list(names)}", SINGLE, classes=list(names))
