"""Operators that let rows depend on one another's values: found in the graph, because trials can miss them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, parser
from onnxruntime.quantization import QuantType, quantize_dynamic
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from modelyard.runtimes.onnx.graph import read_model
from modelyard.runtimes.onnx.row_mixing import findings
from tests.unit.runtimes.onnx_graphs import graph, load, proto, tensor, weights

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
ONNX_DATA = Path(onnx.__file__).parent / "backend/test/data"
REPOSITORY = Path(__file__).parents[3] / "model_repository"
WEIGHTS = [
    weights("w", np.eye(4, dtype=np.float32)),
    weights("zero", np.zeros((), np.float32)),
    weights("one", np.ones((), np.float32)),
    weights("axis0", np.array([0])),
    weights("axis1", np.array([1])),
    weights("three", np.array(3)),
    weights("all", np.array([-1])),
    weights("zeroth", np.array(0)),
    weights("true", np.array(True)),
]


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def of(nodes: Sequence[NodeProto], opset: int = 18, **keys: Any) -> ModelProto:
    """x and y of shape [N, 4]."""
    ends = [tensor(name, FLOAT, ["N", 4]) for name in "xy"]
    return proto(nodes, ends[:1], ends[1:], WEIGHTS, opset, **keys)


def body(nodes: Sequence[NodeProto], inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    return helper.make_graph(nodes, "body", inputs, outputs)


def branches(condition: Sequence[NodeProto]) -> list[NodeProto]:
    """y is x or -x."""
    either = [body([node(kind, "x", "b")], [], [tensor("b", FLOAT, ["N", 4])]) for kind in ("Identity", "Neg")]
    return [*condition, node("If", "c", "y", then_branch=either[0], else_branch=either[1])]


def loop(times: str, going_on: str, *before: NodeProto, inside: str = "Identity") -> list[NodeProto]:
    """y is x after some rounds of adding one."""
    inputs = [tensor("i", INT64, []), tensor("go", BOOL, []), tensor("v", FLOAT, ["N", 4])]
    outputs = [tensor("going", BOOL, []), tensor("w2", FLOAT, ["N", 4])]
    last = [node("Identity", "go", "going")]
    if inside != "Identity":
        last = [
            node("Reshape", "w2 all", "flat"),
            node("Gather", "flat zeroth", "top"),
            node("Less", "top one", "going"),
        ]
    rounds = body([node("Add", "v one", "w2"), *last], inputs, outputs)
    return [*before, helper.make_node("Loop", [times, going_on, "x"], ["y"], body=rounds)]


def scan(kind: str) -> list[NodeProto]:
    """A Scan over the rows with a state: its sum so far, or a state that stays."""
    inputs = [tensor("state", FLOAT, [4]), tensor("row", FLOAT, [4])]
    outputs = [tensor("next", FLOAT, [4]), tensor("out", FLOAT, [4])]
    step = [node("Add", "state row", "next"), node("Identity", "next", "out")]
    if kind == "fixed":
        step = [node("Identity", "state", "next"), node("Add", "state row", "out")]
    start = node("ReduceSum", "w axis0", "start", keepdims=0)
    return [start, node("Scan", "start x", "last y", body=body(step, inputs, outputs), num_scan_inputs=1)]


CORNER = (node("Reshape", "x all", "flat"), node("Gather", "flat zeroth", "m"))
"""The first value of all rows, though no operator works along the rows."""
MEAN = (node("ReduceMean", "x", "m", keepdims=0), node("Greater", "m zero", "c"))
FIRST = (node("Gather", "x three", "r", axis=0), node("ReduceMax", "r axis0", "m", keepdims=0))
MIXING: dict[str, tuple[ModelProto, str]] = {
    "a condition over all rows": (of(branches(MEAN)), "ReduceMean reduces over all rows"),
    "a condition by one value": (
        of(branches([*CORNER, node("Greater", "m zero", "c")])), "the result of If depends on the values"
    ),
    "a condition far from what trials hold": (
        of([node("ReduceMax", "x", "m", keepdims=0), node("Greater", "m three_f", "c"), node("Neg", "x", "n"),
            node("Where", "c n x", "y"), node("Cast", "three", "three_f", to=FLOAT)][i] for i in (0, 4, 1, 2, 3)),
        "ReduceMax reduces over all rows",
    ),
    "a chosen row": (
        of([*FIRST[:1], node("Unsqueeze", "r axis0", "u"), node("Add", "x u", "y")]),
        "Gather works along the rows",
    ),
    "rows that are left out": (
        of([node("Slice", "x axis0 axis1 axis0", "first"), node("Add", "x first", "y")]),
        "Slice works along the rows",
    ),
    "as often as the values say": (
        of(loop("times", "true", *CORNER, node("Cast", "m", "times", to=INT64))),
        "the result of Loop depends on the values",
    ),
    "until the values are large": (of(loop("three", "true", inside="Less")), "the number of iterations of Loop depends"),
    "a sum from row to row": (of(scan("sum")), "Scan carries values from row to row"),
    "a running sum": (of([node("CumSum", "x axis0", "y")]), "CumSum works along the rows"),
    "softmax over rows": (of([node("Softmax", "x", "y", axis=0)]), "Softmax works along the rows"),
    "softmax of all, as before opset 13": (of([node("Softmax", "x", "y", axis=0)], 11), "Softmax works along the rows"),
    "the largest row": (
        of([node("ReduceMax", "x axis0", "m", keepdims=1), node("Sub", "x m", "y")]), "ReduceMax works along the rows"
    ),
    "the mean of a batch": (
        of([node("MeanVarianceNormalization", "x", "y", axes=[0])]), "MeanVarianceNormalization works along the rows"
    ),
    "found places": (
        of([node("NonZero", "x", "p"), node("Shape", "p", "s"), node("Cast", "s", "f", to=FLOAT),
            node("ReduceSum", "f", "n", keepdims=0), node("Mul", "x n", "y")]),
        "NonZero has a number of results",
    ),
    "texts that are left out": (
        proto(
            [node("StringNormalizer", "x", "y", stopwords=["a"], is_case_sensitive=1)],
            [tensor("x", TensorProto.STRING, ["N"])],
            [tensor("y", TensorProto.STRING, ["M"])],
        ),
        "StringNormalizer has a number of results",
    ),
    "noise": (of([node("RandomNormalLike", "x", "r"), node("Add", "x r", "y")]), "RandomNormalLike returns random numbers"),
    "draws": (of([node("Bernoulli", "x", "y")]), "Bernoulli returns random numbers"),
    "gaps as in training": (of([node("Dropout", "x zero true", "y")]), "Dropout is in training mode"),
    "a length out of the values": (
        of([node("ReduceMax", "x axis1", "m", keepdims=0), node("Cast", "m", "k", to=INT64),
            node("Tile", "x k", "y")]),
        "the result of Tile depends on the values",
    ),
}  # fmt: skip


def mixes(model: ModelProto) -> str:
    content = model.SerializeToString()
    return findings(read_model(content), [given.name for given in model.graph.input]).mixes_rows


@pytest.mark.parametrize("name", MIXING)
def test_an_operator_that_mixes_rows_is_named(name: str) -> None:
    model, reason = MIXING[name]
    assert reason in mixes(model)


def test_the_loaded_model_has_the_reason_why_its_rows_may_not_share_a_call() -> None:
    model = load(of(branches(MEAN)).SerializeToString())
    assert model.mixes_rows == "ReduceMean reduces over all rows of a call"
    assert model.signature.rowwise  # a request may still hold many rows


def in_a_function(nodes: Sequence[NodeProto]) -> ModelProto:
    model = of([helper.make_node("F", ["x"], ["y"], domain="own")])
    opsets = [helper.make_opsetid("", 18)]
    constant = helper.make_node("Constant", [], ["zero"], value_float=0.0)
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], [constant, *nodes], opsets))
    model.opset_import.append(helper.make_opsetid("own", 1))
    return model


def test_functions_and_branches_are_searched_too() -> None:
    quantized = [node("DynamicQuantizeLinear", "x", "q s z"), node("DequantizeLinear", "q s z", "y")]
    assert "DynamicQuantizeLinear computes its scale from all rows" in mixes(in_a_function(quantized))
    assert "ReduceMean reduces over all rows" in mixes(in_a_function(branches(MEAN)))
    sized = [node("Shape", "x", "s"), node("Size", "s", "n"), node("Cast", "n", "c", to=BOOL)]
    inner = body(quantized, [], [tensor("y", FLOAT, ["N", 4])])
    outer = [*sized, node("If", "c", "y", then_branch=inner, else_branch=inner)]
    assert "DynamicQuantizeLinear computes its scale from all rows" in mixes(of(outer))


def quantized(model: bytes, tmp_path: Path) -> bytes:
    quantize_dynamic(onnx.load_model_from_string(model), tmp_path / "q.onnx", weight_type=QuantType.QInt8)
    return (tmp_path / "q.onnx").read_bytes()


def test_dynamic_quantization_is_not_batched(tmp_path: Path) -> None:
    network = MLPClassifier((8,), max_iter=30, tol=1, random_state=0).fit(X, Y)
    model = load(quantized(to_onnx(network, X[:1], options={"zipmap": False}).SerializeToString(), tmp_path))
    assert model.mixes_rows == "DynamicQuantizeLinear computes its scale from all rows of a call"
    assert model.loop_safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a condition over all rows", False),
        ("as often as the values say", False),
        ("until the values are large", False),
        ("a length out of the values", False),
        ("a sum from row to row", True),
        ("softmax over rows", True),
    ],
)
def test_a_call_whose_time_depends_on_values_stays_off_the_event_loop(name: str, safe: bool) -> None:
    model = MIXING[name][0]
    found = findings(read_model(model.SerializeToString()), [given.name for given in model.graph.input])
    assert found.loop_safe is safe


ATTENTION = """
<ir_version: 8, opset_import: ["" : 17]>
block (float[N, T, 8] x) => (float[N, T, 8] y)
<float[8, 8] wq, float[8, 8] wk, float[8, 8] wv, float[8] g, float[8] b, int64[1] two = {2}, int64[1] four = {4}, int64 i0 = {0},
 int64 i1 = {1}, int64[1] a0 = {0}, float half = {0.5}>
{
    s = Shape(x)
    n = Gather <axis = 0> (s, i0)
    t = Gather <axis = 0> (s, i1)
    n1 = Unsqueeze(n, a0)
    t1 = Unsqueeze(t, a0)
    split = Concat <axis = 0> (n1, t1, two, four)
    q0 = MatMul(x, wq)
    k0 = MatMul(x, wk)
    v0 = MatMul(x, wv)
    q1 = Reshape(q0, split)
    k1 = Reshape(k0, split)
    v1 = Reshape(v0, split)
    q = Transpose <perm = [0, 2, 1, 3]> (q1)
    k = Transpose <perm = [0, 2, 3, 1]> (k1)
    v = Transpose <perm = [0, 2, 1, 3]> (v1)
    qk = MatMul(q, k)
    scaled = Mul(qk, half)
    p = Softmax <axis = -1> (scaled)
    o = MatMul(p, v)
    o1 = Transpose <perm = [0, 2, 1, 3]> (o)
    o2 = Reshape(o1, s)
    r = Add(o2, x)
    y = LayerNormalization <axis = -1> (r, g, b)
}
"""


def attention() -> bytes:
    """A block of a transformer with the operators that exporters write around a reshape."""
    model = parser.parse_model(ATTENTION)
    rng = np.random.default_rng(0)
    own = {name: rng.normal(size=(8, 8)).astype(np.float32) for name in ("wq", "wk", "wv")}
    own |= {"g": np.ones(8, np.float32), "b": np.zeros(8, np.float32)}
    kept = [each for each in model.graph.initializer if each.name not in own]
    del model.graph.initializer[:]
    model.graph.initializer.extend([*kept, *(weights(name, values) for name, values in own.items())])
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def sliced() -> ModelProto:
    """x[:, 1:3] as PyTorch exports it: all rows first, then the columns."""
    far = [weights("far", np.array([2**63 - 1])), weights("end", np.array([3]))]
    nodes = [node("Slice", "x axis0 far axis0 axis1", "rows"), node("Slice", "rows axis1 end axis1 axis1", "y")]
    return proto(nodes, [tensor("x", FLOAT, ["N", 4])], [tensor("y", FLOAT, ["N", 2])], [*WEIGHTS, *far])


TEXT = TfidfVectorizer()
TEXTS = ["a fine day", "rain again", "fine rain", "a day again"]
ORDINARY: dict[str, Any] = {
    "sizes only": lambda: of(
        branches([node("Shape", "x", "s"), node("ReduceMax", "s", "m", keepdims=0), node("Cast", "m", "c", to=BOOL)])
    ),
    "a fixed number of rounds": lambda: of(loop("three", "true")),
    "a state that stays": lambda: of(scan("fixed")),
    "softmax of columns": lambda: of([node("Softmax", "x", "y", axis=-1)]),
    "softmax of columns, as before opset 13": lambda: of([node("Softmax", "x", "y")], 11),
    "a mean of columns": lambda: of([node("ReduceMean", "x", "m", axes=[-1]), node("Sub", "x m", "y")], 17),
    "gaps that are filled in": lambda: of([node("Dropout", "x", "y")]),
    "columns of a slice": sliced,
    "a block of a transformer": attention,
    "neighbours": lambda: to_onnx(KNeighborsClassifier(3).fit(X, Y), X[:1]),
    "naive Bayes": lambda: to_onnx(GaussianNB().fit(X, Y), X[:1]),
    "texts": lambda: to_onnx(
        make_pipeline(TEXT, LogisticRegression()).fit(TEXTS, [0, 1, 1, 0]),
        np.array(TEXTS[:1]),
        options={id(TEXT): {"locale": "C"}},
    ),
    "the repository's own": (REPOSITORY / "digits/1/model.onnx").read_bytes,
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_graphs_may_be_batched(name: str) -> None:
    made = ORDINARY[name]()
    model = load(made if isinstance(made, bytes) else made.SerializeToString())
    assert model.signature.rowwise
    assert (model.mixes_rows, model.loop_safe) == ("", True)


@pytest.mark.parametrize("file", sorted((ONNX_DATA / "light").glob("*.onnx")), ids=lambda file: file.stem)
def test_well_known_networks_may_be_batched(file: Path) -> None:
    model = read_model(file.read_bytes())
    assert model is not None
    initial = {each.name for each in onnx.load(file).graph.initializer}
    found = findings(model, [name for name in model.graph.inputs if name not in initial])
    assert (found.mixes_rows, found.loop_safe) == ("", True)


def test_what_is_not_a_graph_of_onnx_is_neither_batched_nor_run_on_the_loop() -> None:
    model = read_model(b"\0\0\0\0ORTM")
    assert model is None
    assert findings(model, ["x"]).mixes_rows
    assert not findings(model, ["x"]).loop_safe


def test_an_input_that_no_request_may_name_depends_on_nothing() -> None:
    # Older exporters list the weights among the inputs, the target of a reshape too.
    ends = [tensor("x", FLOAT, ["N", 4]), tensor("shape", INT64, [2])]
    model = graph(
        [node("Reshape", "x shape", "y")], ends, [tensor("y", FLOAT, ["N", 4])], [weights("shape", np.array([-1, 4]))]
    )
    found = findings(read_model(model), ["x"])
    assert (found.mixes_rows, found.loop_safe) == ("", True)
