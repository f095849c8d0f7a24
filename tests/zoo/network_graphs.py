"""Random graphs of neural network layers."""

import numpy as np
from onnx import TensorProto

from modelyard.tensors import DTYPES
from tests.zoo.case import HALF, SINGLE
from tests.zoo.draw import Draw
from tests.zoo.graph_builder import TOLERANCE, GeneratedGraph, Graph


def mlp(draw: Draw) -> GeneratedGraph:
    """Layers, activations and normalisations that keep rows independent."""
    graph, width = Graph(draw), draw.whole(1, 6)
    datatype = draw.one("FP32", "FP32", "FP64")
    value = graph.input("x", datatype, (width,))
    for _ in range(draw.whole(1, 4)):
        value, width = _layer(draw, graph, value, width, datatype)
    if draw.chance(0.3):
        value = graph.node("Softmax", [value], axis=-1)
    graph.output(value, draw.one("y", "scores", "output"))
    return graph.made("layers", TOLERANCE[datatype])


def _layer(draw: Draw, graph: Graph, value: str, width: int, datatype: str) -> tuple[str, int]:
    more = draw.whole(1, 5)
    dtype = DTYPES[datatype]
    weights = draw.numpy.normal(0, 1, (width, more)).astype(dtype)
    bias = draw.numpy.normal(0, 1, more).astype(dtype)
    if draw.chance(0.5):
        value = graph.node("Gemm", [value, graph.weights(weights), graph.weights(bias)])
    else:
        value = graph.node("Add", [graph.node("MatMul", [value, graph.weights(weights)]), graph.weights(bias)])
    kinds = (
        ["Relu", "Tanh", "Sigmoid", "LeakyRelu", "Elu", "Softplus", "Abs", "Neg", "Erf"]
        if datatype == "FP32"
        else ["Relu", "Tanh"]
    )
    value = graph.node(draw.one(*kinds), [value])
    if draw.chance(0.3):
        ones, zeros = np.ones(more, dtype), np.zeros(more, dtype)
        value = draw.call(
            lambda: graph.node("LayerNormalization", [value, graph.weights(ones), graph.weights(zeros)], axis=-1),
            lambda: graph.node("LpNormalization", [value], axis=1, p=2),
            lambda: graph.node("BatchNormalization", [value, *map(graph.weights, (ones, zeros, zeros, ones))]),
        )
    return value, more


def quantized(draw: Draw) -> GeneratedGraph:
    """Dynamic quantization, which computes its scale from the whole batch."""
    graph, width = Graph(draw), draw.whole(2, 6)
    value = graph.input("x", "FP32", (width,))
    for _ in range(draw.whole(1, 2)):
        more = draw.whole(2, 4)
        weights = graph.weights(draw.numpy.integers(-127, 127, (width, more)).astype(np.int8))
        quantized, scale, zero = graph.nodes("DynamicQuantizeLinear", [value], 3)
        product = graph.node("MatMulInteger", [quantized, weights, zero])
        numbers = graph.node("Cast", [product], to=TensorProto.FLOAT)
        value = graph.node("Mul", [graph.node("Mul", [numbers, scale]), graph.weights(np.float32(0.01))])
        width = more
    graph.output(value, "y")
    return graph.made("dynamic quantization", SINGLE, rows=False, mixes=True)


def half(draw: Draw) -> GeneratedGraph:
    """Half precision, in and out or inside."""
    graph, outside = Graph(draw), draw.chance(0.5)
    value = graph.input("x", "FP16" if outside else "FP32", (3,))
    value = value if outside else graph.node("Cast", [value], to=TensorProto.FLOAT16)
    weights = graph.weights(draw.numpy.normal(0, 0.3, (3, 2)).astype(np.float16))
    value = graph.node("Tanh", [graph.node("MatMul", [value, weights])])
    graph.output(value if outside else graph.node("Cast", [value], to=TensorProto.FLOAT), "y")
    return graph.made(f"half precision {'outside' if outside else 'inside'}", HALF)


def embedding(draw: Draw) -> GeneratedGraph:
    """Tokens of any number a row."""
    graph = Graph(draw)
    ids = graph.input("ids", "INT64", (draw.one(-1, 4),), values=(0, 1, 2, 3, 4))
    found = graph.node("Gather", [graph.weights(draw.numpy.normal(0, 1, (5, 3)).astype(np.float32)), ids])
    pooled = graph.node("ReduceMean", [found, graph.weights(np.array([1]))], keepdims=0)
    graph.output(pooled if draw.chance(0.7) else found, "vector")
    return graph.made("embedding", SINGLE)


def attention(draw: Draw) -> GeneratedGraph:
    """Within each row, or between all of them."""
    graph = Graph(draw)
    between = draw.chance(0.4)
    value = graph.input("x", "FP32", (3,) if between else (4, 3))
    turned = graph.node("Transpose", [value], perm=[1, 0] if between else [0, 2, 1])
    weights = graph.node("Softmax", [graph.node("MatMul", [value, turned])], axis=-1)
    graph.output(graph.node("MatMul", [weights, value]), "y")
    return graph.made(f"attention {'between' if between else 'within'} rows", SINGLE, rows=not between, mixes=between)


def picture(draw: Draw) -> GeneratedGraph:
    """Convolution and pooling."""
    graph = Graph(draw)
    side = draw.one(6, 6, -1)
    value = graph.input("image", "FP32", (1, side, side))
    kernel = graph.weights(draw.numpy.normal(0, 1, (2, 1, 3, 3)).astype(np.float32))
    value = graph.node("Relu", [graph.node("Conv", [value, kernel], pads=[1, 1, 1, 1])])
    if draw.chance(0.3):
        scale, bias = graph.weights(np.ones(2, np.float32)), graph.weights(np.zeros(2, np.float32))
        value = graph.node("InstanceNormalization", [value, scale, bias])
    value = graph.node("Flatten", [graph.node("GlobalAveragePool", [value])])
    graph.output(value, "features")
    return graph.made("convolution", SINGLE)


def recurrent(draw: Draw) -> GeneratedGraph:
    """Of shape [steps, rows, features], so that the first axis is not the rows; or made so inside."""
    graph, hidden = Graph(draw), 2
    inside = draw.chance(0.5)
    value = graph.input("x", "FP32", (3, 2), values=()) if inside else graph.input("x", "FP32", (-1, 2))
    steps = graph.node("Transpose", [value], perm=[1, 0, 2]) if inside else value
    shapes = ((1, 4 * hidden, 2), (1, 4 * hidden, hidden))
    weights = [graph.weights(draw.numpy.normal(0, 1, shape).astype(np.float32)) for shape in shapes]
    _, last = graph.nodes("LSTM", [steps, *weights], 2, hidden_size=hidden)
    graph.output(graph.node("Squeeze", [last, graph.weights(np.array([0]))]), "state")
    return graph.made(f"LSTM{'' if inside else ' over the first axis'}", SINGLE, rows=inside, mixes=not inside)
