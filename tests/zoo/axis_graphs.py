"""Random graphs of operators along an axis: within each row, or across the rows."""

import numpy as np

from tests.zoo.case import SINGLE
from tests.zoo.draw import Draw
from tests.zoo.graph_builder import GeneratedGraph, Graph


def reduction(draw: Draw) -> GeneratedGraph:
    """A reduction. One over the columns keeps rows independent; one over the rows does not, even if the shape suggests it."""
    graph, width = Graph(draw), draw.whole(2, 5)
    value = graph.input("x", "FP32", (width,))
    kind = draw.one(
        "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare"
    )
    axes = draw.one([0], [1], [1], [0, 1])
    keep = draw.chance(0.5)
    reduced = graph.node(kind, [value, graph.weights(np.array(axes, np.int64))], keepdims=int(keep))
    mixes = 0 in axes
    back = mixes and draw.chance(0.7)  # the result for all rows goes into each of them
    if back:
        reduced = graph.node(draw.one("Sub", "Mul", "Add"), [value, reduced])
    graph.output(reduced, "y")
    return graph.made(f"{kind} over {axes}{', into each row' if back else ''}", SINGLE, rows=not mixes, mixes=mixes)


def across(draw: Draw) -> GeneratedGraph:
    """Operators along an axis, which may be the rows."""
    graph, width = Graph(draw), draw.whole(2, 5)
    value = graph.input("x", "FP32", (width,))
    axis = draw.one(0, 1)
    kind = draw.one(
        "Softmax",
        "LogSoftmax",
        "Hardmax",
        "CumSum",
        "ArgMax",
        "TopK",
        "LpNormalization",
        "MeanVariance",
        "ReverseSequence",
    )
    names = ["y"]
    match kind:
        case "CumSum":
            found = graph.node(kind, [value, graph.weights(np.array(axis, np.int64))])
        case "ArgMax":
            found = graph.node(kind, [value], axis=axis, keepdims=draw.one(0, 1))
        case "TopK":
            axis = 1
            found, places = graph.nodes(kind, [value, graph.weights(np.array([2], np.int64))], 2, axis=1)
            graph.output(places, "places")
        case "MeanVariance":
            found = graph.node("MeanVarianceNormalization", [value], axes=[axis])
        case "ReverseSequence":
            axis = 0
            found = graph.node("Flatten", [graph.node("Identity", [value])], axis=1)
            found = graph.node(
                "Slice", [found, *(graph.weights(np.array([each], np.int64)) for each in (-1, -(2**31), 0, -1))]
            )
        case _:
            found = graph.node(kind, [value], axis=axis)
    graph.output(found, *names)
    apart = axis == 1
    return graph.made(f"{kind} along axis {axis}", SINGLE, rows=apart, mixes=not apart)


def sums(draw: Draw) -> GeneratedGraph:
    """Einsum within each row, or with the others."""
    graph = Graph(draw)
    equation = draw.one("ij,ij->i", "ijk,ikl->ijl", "ij,kj->ik", "ij,ik->jk")
    row = (2, 2) if equation.startswith("ijk") else (3,)
    value = graph.input("x", "FP32", row)
    graph.output(graph.node("Einsum", [value, value], equation=equation), "y")
    apart = equation in ("ij,ij->i", "ijk,ikl->ijl")
    return graph.made(f"Einsum {equation}", SINGLE, rows=apart, mixes=not apart)


def no_rows(draw: Draw) -> GeneratedGraph:
    """Outputs without one value per row, and inputs of independent lengths."""
    graph = Graph(draw)
    kind = draw.one("NonZero", "Unique", "likeness", "Compress", "Transpose", "scalar", "Shape", "fixed", "Concat")
    if kind == "likeness":
        queries, documents = graph.input("queries", "FP32", (2,)), graph.input("documents", "FP32", (2,))
        graph.output(graph.node("MatMul", [queries, graph.node("Transpose", [documents], perm=[1, 0])]), "likeness")
        return graph.made(kind, SINGLE, rows=False, own_lengths=True)
    if kind == "Concat":
        parts = [graph.input("a", "FP32", (2,)), graph.input("b", "FP32", (2,))]
        graph.output(graph.node("Concat", parts, axis=0), "y")
        return graph.made(kind, SINGLE, rows=False, own_lengths=True)
    if kind == "fixed":
        rows = draw.one(1, 3)
        value = graph.input("x", "FP32", (2,), rows=rows)
        graph.output(graph.node("Neg", [value]), "y")
        return graph.made(f"exactly {rows} rows", SINGLE, rows=False, whole_rows=rows)
    value = graph.input("x", "FP32", () if kind in ("NonZero", "Unique", "Compress") else (3,))
    match kind:
        case "NonZero":
            positive = graph.node("Relu", [value])
            graph.output(graph.node("Transpose", [graph.node("NonZero", [positive])], perm=[1, 0]), "places")
        case "Unique":
            graph.output(graph.node("Unique", [graph.node("Round", [value])]), "values")
        case "Compress":
            graph.output(
                graph.node("Compress", [value, graph.node("Greater", [value, graph.weights(np.float32(0))])], axis=0),
                "kept",
            )
        case "Transpose":
            graph.output(graph.node("Transpose", [value], perm=[1, 0]), "turned")
        case "Shape":
            graph.output(graph.node("Shape", [value]), "lengths")
        case _:
            graph.output(graph.node("ReduceMax", [value], keepdims=0), "largest")
    return graph.made(kind, SINGLE, rows=False, mixes=True)
