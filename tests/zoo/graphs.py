"""Random small ONNX graphs, as cases; their own answers are those of an onnxruntime session."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from modelyard.tensors import DTYPES, Tensors
from tests.zoo import conversions
from tests.zoo.case import DOUBLE, HALF, SINGLE, Case, ModelRaised
from tests.zoo.data import Column, Row, Rows, Table
from tests.zoo.draw import Draw
from tests.zoo.graph_builder import GeneratedGraph, Graph

ASKED = 16
MAGNITUDES = (0.1, 1.0, 1.0, 3.0, 30.0)
TYPES = {"FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "FP16": TensorProto.FLOAT16}
TOLERANCE = {"FP32": SINGLE, "FP64": DOUBLE, "FP16": HALF}


def case(seed: int) -> Case:
    """The graph of a seed. Where skl2onnx has no converter for what was drawn, it is drawn again."""
    attempt = 0
    while True:
        draw = Draw("onnx", seed, attempt)
        try:
            made: GeneratedGraph = draw.weighted(KINDS)(draw)
        except NameError:  # as it says that an option is not for this estimator
            attempt += 1
        else:
            break
    inputs = {each.name: each for each in made.inputs}
    columns = tuple(Column(name, "tensor", (), each.datatype, None) for name, each in inputs.items())
    asked = [tuple(_value(draw, each, free=3) for each in made.inputs) for _ in range(ASKED)]
    reference = ReferenceSession(made)
    whole_requests = [_whole(draw, made) for _ in range(ASKED // 2)]
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
        asked,
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
    """One row of an input, or its whole value where it has no rows."""
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


class ReferenceSession:
    """What a session gives."""

    def __init__(self, made: GeneratedGraph) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(made.model, options, providers=["CPUExecutionProvider"])
        self._made = made

    def rows(self, rows: Rows) -> Tensors:
        """For the rows of one request, in one call. Raises ModelRaised."""
        columns = zip(*rows, strict=True)
        return self._run(
            {
                each.name: np.array(values, DTYPES[each.datatype]).reshape(len(rows), *np.shape(values[0]) or each.lone)
                for each, values in zip(self._made.inputs, columns, strict=True)
            }
        )

    def whole(self, rows: Rows) -> Tensors:
        """For whole tensors. Raises ModelRaised."""
        [row] = rows
        return self._run({each.name: value for each, value in zip(self._made.inputs, row, strict=True)})

    def _run(self, inputs: Tensors) -> Tensors:
        names = [output.name for output in self._session.get_outputs()]
        try:
            found = self._session.run(names, inputs)
        except Exception as error:
            raise ModelRaised(str(error)) from error
        return {name: self._array(value) for name, value in zip(names, found, strict=True)}

    def _array(self, value: Any) -> Any:
        if isinstance(value, list):  # of a ZipMap
            return np.array([[row[name] for name in self._made.classes or row] for row in value], np.float32)
        return np.asarray(value)


# Kinds of graphs


def _mlp(draw: Draw) -> GeneratedGraph:
    """Layers, activations and normalisations that keep rows apart."""
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


def _reduction(draw: Draw) -> GeneratedGraph:
    """One over the columns keeps rows apart; one over the rows does not, even where the shape says so."""
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


def _across(draw: Draw) -> GeneratedGraph:
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


def _several(draw: Draw) -> GeneratedGraph:
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


def _narrow(draw: Draw) -> GeneratedGraph:
    """Every datatype, by itself."""
    datatype = draw.one(*(name for name in DTYPES if name != "BYTES"))
    graph = Graph(draw)
    values = () if datatype.startswith("FP") else (True, False) if datatype == "BOOL" else (0, 1, 2, 100)
    value = graph.input("x", datatype, draw.one((), (1,), (3,)), values=values)
    graph.output(graph.node("Identity", [value]), "y")
    return graph.made(f"Identity of {datatype}", TOLERANCE.get(datatype, DOUBLE))


def _branches(draw: Draw) -> GeneratedGraph:
    """A branch that is taken for all rows by what is in any of them, or a choice in each row."""
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


def _loop(draw: Draw) -> GeneratedGraph:
    """A Loop whose number of turns is a constant, or depends on all rows."""
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


def _quantized(draw: Draw) -> GeneratedGraph:
    """Dynamic quantization takes its scale from the whole batch."""
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


def _half(draw: Draw) -> GeneratedGraph:
    """Half precision, in and out or inside."""
    graph, outside = Graph(draw), draw.chance(0.5)
    value = graph.input("x", "FP16" if outside else "FP32", (3,))
    value = value if outside else graph.node("Cast", [value], to=TensorProto.FLOAT16)
    weights = graph.weights(draw.numpy.normal(0, 0.3, (3, 2)).astype(np.float16))
    value = graph.node("Tanh", [graph.node("MatMul", [value, weights])])
    graph.output(value if outside else graph.node("Cast", [value], to=TensorProto.FLOAT), "y")
    return graph.made(f"half precision {'outside' if outside else 'inside'}", HALF)


def _words(draw: Draw) -> GeneratedGraph:
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


def _sums(draw: Draw) -> GeneratedGraph:
    """Einsum within each row, or with the others."""
    graph = Graph(draw)
    equation = draw.one("ij,ij->i", "ijk,ikl->ijl", "ij,kj->ik", "ij,ik->jk")
    row = (2, 2) if equation.startswith("ijk") else (3,)
    value = graph.input("x", "FP32", row)
    graph.output(graph.node("Einsum", [value, value], equation=equation), "y")
    apart = equation in ("ij,ij->i", "ijk,ikl->ijl")
    return graph.made(f"Einsum {equation}", SINGLE, rows=apart, mixes=not apart)


def _embedding(draw: Draw) -> GeneratedGraph:
    """Tokens of any number a row."""
    graph = Graph(draw)
    ids = graph.input("ids", "INT64", (draw.one(-1, 4),), values=(0, 1, 2, 3, 4))
    found = graph.node("Gather", [graph.weights(draw.numpy.normal(0, 1, (5, 3)).astype(np.float32)), ids])
    pooled = graph.node("ReduceMean", [found, graph.weights(np.array([1]))], keepdims=0)
    graph.output(pooled if draw.chance(0.7) else found, "vector")
    return graph.made("embedding", SINGLE)


def _attention(draw: Draw) -> GeneratedGraph:
    """Within each row, or between all of them."""
    graph = Graph(draw)
    between = draw.chance(0.4)
    value = graph.input("x", "FP32", (3,) if between else (4, 3))
    turned = graph.node("Transpose", [value], perm=[1, 0] if between else [0, 2, 1])
    weights = graph.node("Softmax", [graph.node("MatMul", [value, turned])], axis=-1)
    graph.output(graph.node("MatMul", [weights, value]), "y")
    return graph.made(f"attention {'between' if between else 'within'} rows", SINGLE, rows=not between, mixes=between)


def _picture(draw: Draw) -> GeneratedGraph:
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


def _recurrent(draw: Draw) -> GeneratedGraph:
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


def _no_rows(draw: Draw) -> GeneratedGraph:
    """Outputs that are no row each, and inputs of lengths of their own."""
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


def _labelled(draw: Draw) -> GeneratedGraph:
    """A classifier made by hand: the label is by a LabelEncoder, and not always of the largest score."""
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


def _converted(draw: Draw) -> GeneratedGraph:
    return conversions.converted(draw)


KINDS: list[tuple[float, Callable[[Draw], GeneratedGraph]]] = [
    (3, _mlp),
    (2, _reduction),
    (2, _across),
    (2, _several),
    (1, _narrow),
    (1.5, _branches),
    (0.7, _loop),
    (1, _quantized),
    (1, _embedding),
    (0.7, _half),
    (1, _words),
    (1, _sums),
    (1, _attention),
    (0.7, _picture),
    (0.7, _recurrent),
    (1.5, _no_rows),
    (1, _labelled),
    (5, _converted),
]
