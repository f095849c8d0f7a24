"""Random small ONNX graphs, as cases. Their reference outputs are those of an onnxruntime session."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from modelyard.tensors import DTYPES
from tests.zoo import axis_graphs, control_flow_graphs, conversions, datatype_graphs, network_graphs
from tests.zoo.case import Case
from tests.zoo.draw import Draw
from tests.zoo.graph_builder import GeneratedGraph
from tests.zoo.reference_session import ReferenceSession
from tests.zoo.tables import Column, Row, Table

REQUESTS = 16
MAGNITUDES = (0.1, 1.0, 1.0, 3.0, 30.0)
KINDS: list[tuple[float, Callable[[Draw], GeneratedGraph]]] = [
    (3, network_graphs.mlp),
    (2, axis_graphs.reduction),
    (2, axis_graphs.across),
    (2, datatype_graphs.several),
    (1, datatype_graphs.narrow),
    (1.5, control_flow_graphs.branches),
    (0.7, control_flow_graphs.loop),
    (1, network_graphs.quantized),
    (1, network_graphs.embedding),
    (0.7, network_graphs.half),
    (1, datatype_graphs.words),
    (1, axis_graphs.sums),
    (1, network_graphs.attention),
    (0.7, network_graphs.picture),
    (0.7, network_graphs.recurrent),
    (1.5, axis_graphs.no_rows),
    (1, datatype_graphs.labelled),
    (5, conversions.converted),
]
"""Weight and generator."""


def case(seed: int) -> Case:
    """The graph of a seed. Where skl2onnx has no converter for what was drawn, it is drawn again."""
    attempt = 0
    while True:
        draw = Draw("onnx", seed, attempt)
        try:
            made: GeneratedGraph = draw.weighted(KINDS)(draw)
        except NameError:  # skl2onnx rejects an option for this estimator
            attempt += 1
        else:
            break
    inputs = {each.name: each for each in made.inputs}
    columns = tuple(Column(name, "tensor", (), each.datatype, None) for name, each in inputs.items())
    requests = [tuple(_value(draw, each, free=3) for each in made.inputs) for _ in range(REQUESTS)]
    reference = ReferenceSession(made)
    whole_requests = [_whole(draw, made) for _ in range(REQUESTS // 2)]
    files = {"model.onnx": made.model}
    if with_example := draw.chance(0.2):
        files["example.json"] = _example(columns, whole_requests[0])
    yaml = {"batching": "off"} if draw.chance(0.1) else {}
    return Case(
        f"onnx {seed}",
        made.kind,
        f"{made.kind}: {made.shown}{', with example.json' if with_example else ''}, YAML {yaml}",
        "onnx",
        files,
        Table(columns, "tensors"),
        requests,
        reference.rows,
        classes=made.classes,
        yaml=yaml,
        tolerance=made.tolerance,
        mixes_rows=made.mixes_rows,
        rows_alone=made.rows,
        whole_requests=whole_requests,
        reference_whole=reference.whole,
    )


def _example(columns: Sequence[Column], whole: Row) -> bytes:
    return json.dumps(
        {"inputs": {column.name: value.tolist() for column, value in zip(columns, whole, strict=True)}}
    ).encode()


def _value(draw: Draw, each: Any, free: int) -> Any:
    """One row of an input, or its whole value if it has no rows."""
    shape = [free if axis < 0 else axis for axis in each.row]
    if each.values:
        flat = [draw.one(*each.values) for _ in range(int(np.prod(shape, dtype=int)))]
        return np.array(flat, DTYPES[each.datatype]).reshape(shape) if shape else flat[0]
    found = draw.numpy.normal(0, draw.one(*MAGNITUDES), shape)
    return found.astype(DTYPES[each.datatype]) if shape else DTYPES[each.datatype].type(found).item()


def _whole(draw: Draw, made: GeneratedGraph) -> Row:
    rows = made.whole_rows or draw.whole(1, 4)
    free = draw.whole(1, 4)
    whole = []
    for each in made.inputs:
        if each.rowed:
            own = draw.whole(1, 4) if made.own_lengths else rows
            whole.append(np.array([_value(draw, each, free) for _ in range(own)], DTYPES[each.datatype]))
        else:
            whole.append(np.array(_value(draw, each, free), DTYPES[each.datatype]))
    return tuple(whole)
