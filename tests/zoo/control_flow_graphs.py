"""Random graphs with branches and loops."""

import numpy as np
from onnx import TensorProto, helper

from tests.zoo.case import SINGLE
from tests.zoo.draw import Draw
from tests.zoo.graph_builder import GeneratedGraph, Graph


def branches(draw: Draw) -> GeneratedGraph:
    """A branch for all rows that depends on the values of any row, or a choice in each row."""
    graph = Graph(draw)
    value = graph.input("x", "FP32", (3,))
    zero = graph.weights(np.float32(draw.one(0, 0.5, 5)))
    if draw.chance(0.3):
        chosen = graph.node("Where", [graph.node("Greater", [value, zero]), value, graph.node("Neg", [value])])
        graph.output(chosen, "y")
        return graph.made("Where", SINGLE)
    kind = draw.one("ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin")
    condition = graph.node("Greater", [graph.node(kind, [value], keepdims=0), zero])
    branches = {}
    for name, operator in (("then_branch", "Neg"), ("else_branch", draw.one("Abs", "Exp"))):
        out = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None)
        branches[name] = helper.make_graph([helper.make_node(operator, [value], [out.name])], name, [], [out])
    graph.output(graph.node("If", [condition], **branches), "y")
    return graph.made(f"If {kind}", SINGLE, rows=False, mixes=True)


def loop(draw: Draw) -> GeneratedGraph:
    """A Loop whose number of iterations is a constant, or depends on all rows."""
    graph = Graph(draw)
    value = graph.input("x", "FP32", (2,))
    by_rows = draw.chance(0.5)
    if by_rows:
        largest = graph.node("ReduceMax", [graph.node("Abs", [value])], keepdims=0)
        turns = graph.node(
            "Cast", [graph.node("Clip", [largest, "", graph.weights(np.float32(5))])], to=TensorProto.INT64
        )
    else:
        turns = graph.weights(np.array(3, np.int64))
    infos = [
        helper.make_tensor_value_info("turn", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
    ]
    outs = [
        helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
    ]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Sin", ["state"], ["next"])],
        "body",
        infos,
        outs,
    )
    graph.output(graph.node("Loop", [turns, graph.weights(np.array(True)), value], body=body), "y")
    return graph.made(
        f"Loop{' as often as the largest row says' if by_rows else ''}", SINGLE, rows=not by_rows, mixes=by_rows
    )
