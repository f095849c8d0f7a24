"""Properties of ONNX's operators: which depend on all rows of a call, and along which axes they work.

Source: https://onnx.ai/onnx/operators, and for com.microsoft
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

import re
from collections.abc import Mapping, Sequence

from modelyard.runtimes.onnx.graph import Graph, Node

WITH_BODIES = frozenset(("If", "Loop", "Scan", "SequenceMap"))
SIZE_ONLY = frozenset(("Shape", "Size", "EyeLike", "SequenceLength"))
"""Operators whose outputs depend only on the shapes of their inputs."""
RANDOM = frozenset(
    ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
)
GENERATING = frozenset(("BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"))
_DATA_DEPENDENT_LENGTH = "has a number of results that depends on the values of all rows of a call"
_ALWAYS_MIX: Mapping[str, str] = {
    **dict.fromkeys(
        ("DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"),
        "computes its scale from all rows of a call",
    ),
    **dict.fromkeys(
        ("NonZero", "Unique", "Compress", "NonMaxSuppression", "StringSplit", "RemovePadding"),
        _DATA_DEPENDENT_LENGTH,
    ),
}
"""Operators whose every use mixes rows, with the reason."""
_CONTROLLING_INPUTS: Mapping[str, tuple[int, ...]] = {
    "If": (0,),
    "Loop": (0, 1),
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "ConstantOfShape": (0,),
    "CumSum": (1,),
    "DFT": (1, 2),
    "Dropout": (1, 2),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "MaxUnpool": (2,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "SequenceAt": (1,),
    "SequenceErase": (1,),
    "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "SplitToSequence": (1,),
    "Squeeze": (1,),
    "Tile": (1, 2),
    "TopK": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
"""Indices of inputs that control the whole call: a length, an axis, a condition."""
_REDUCTIONS = (
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd"),
    *("ReduceSum", "ReduceSumSquare"),
)
_LOSSES = ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
_AXIS: Mapping[str, int] = {
    **dict.fromkeys(("ArgMax", "ArgMin", "Gather", "Split"), 0),
    **dict.fromkeys(
        ("Hardmax", "LayerNormalization", "LogSoftmax", "LpNormalization", "RMSNormalization", "Softmax", "TopK"), -1
    ),
}
"""Operators that mix the values along one axis, with the default of their attribute `axis`."""
_FLATTENING = ("Hardmax", "LogSoftmax", "Softmax")
"""Before opset 13 they treated their axis, 1 by default, and all later axes as one."""
_RECURRENT = ("GRU", "LSTM", "RNN")
_SLICE_END = 2**31 - 1
"""The end of a Slice that means "to the end"."""
_KEEP_ROWS_FIRST = frozenset(
    re.findall(
        r"\w+",
        """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BiasGelu Binarizer
    BitShift Cast CastLike Ceil Celu Clip Concat Conv Cos Cosh CumSum DequantizeLinear Div Dropout
    DynamicQuantizeLinear Elu Equal Erf Exp FastGelu FeatureVectorizer Floor FusedMatMul Gelu Gemm
    GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Hardmax Identity Imputer
    InstanceNormalization IsInf IsNaN LRN LabelEncoder LayerNormalization LeakyRelu Less LessOrEqual
    LinearClassifier LinearRegressor Log LogSoftmax LpNormalization MatMul Max MaxPool Mean Min Mish Mod Mul Neg
    Normalizer Not OneHotEncoder Or PRelu Pow QuantizeLinear Reciprocal Relu Round SVMClassifier SVMRegressor
    Scaler Selu Sigmoid Sign Sin Sinh Slice Softmax Softplus Softsign Sqrt Sub Sum Tan Tanh ThresholdedRelu
    TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor Where Xor
    """,
    )
)
"""If the rows are the first axis of their first input, they are also the first axis of the output. If an operator is missing here,
only trial runs check the graph."""


def always_mixes(node: Node) -> str:
    """Why every use of this operator mixes rows; "" if not every use does."""
    if node.kind == "StringNormalizer" and "stopwords" in node.attributes and node.attributes["stopwords"].strings():
        return _DATA_DEPENDENT_LENGTH  # it drops whole strings
    return _ALWAYS_MIX.get(node.kind, "")


def controlling_inputs(node: Node) -> tuple[int, ...]:
    """Indices of the inputs that control the whole call."""
    if node.kind in _REDUCTIONS:
        return (1,)
    return () if node.domain else _CONTROLLING_INPUTS.get(node.kind, ())


def keeps_rows_first(node: Node) -> bool:
    """Whether the rows remain the first axis."""
    if node.kind in _REDUCTIONS:
        return node.integer("keepdims", 1) == 1
    return node.kind in _KEEP_ROWS_FIRST


def scans_first_axis(node: Node, levels: Sequence[int], level: int) -> bool:
    """Whether a body runs once per element of a sequence, or of the first axis of an input with this level."""
    if node.kind != "Scan":
        return node.kind == "SequenceMap"
    scanned = levels[-node.integer("num_scan_inputs", 1) :]
    axes = node.integers("scan_input_axes", (0,) * len(scanned))
    return any(found == level and axis == 0 for found, axis in zip(scanned, axes, strict=False))


def in_training_mode(graph: Graph, node: Node) -> bool:
    """Whether it is in training mode: it drops random values, or uses the mean of a call's rows."""
    if node.kind == "BatchNormalization":
        return node.integer("training_mode", 0) == 1
    return node.kind == "Dropout" and len(node.inputs) > 2 and graph.values(node.inputs[2]) not in ((False,), (0,))


def axes_of(graph: Graph, node: Node, opset: int) -> tuple[int, ...] | None:
    """The axes along which a node mixes values; () for all axes, None for no axes or if they are not known."""
    kind = node.kind
    if kind in _REDUCTIONS:
        return _reduced(graph, node)
    if kind in _LOSSES:
        return None if node.text("reduction") == "none" else ()
    if kind == "MeanVarianceNormalization":
        return node.integers("axes", (0, 2, 3))
    if kind in _RECURRENT:
        return (node.integer("layout", 0),)
    if kind == "CumSum":
        return _constant(graph, node, 1)
    if kind == "Slice":
        return _sliced(graph, node)
    if kind not in _AXIS or (kind == "Gather" and graph.values(node.inputs[1]) is None):
        return None
    default = 1 if kind in _FLATTENING and opset < 13 else _AXIS[kind]
    return (node.integer("axis", default),)


def _reduced(graph: Graph, node: Node) -> tuple[int, ...] | None:
    axes = node.integers("axes", ())
    if not axes and len(node.inputs) > 1 and node.inputs[1]:
        return _constant(graph, node, 1)
    return axes or (None if node.integer("noop_with_empty_axes", 0) else ())


def _sliced(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """The axes along which a Slice removes something."""
    if len(node.inputs) == 1:
        starts, ends = node.integers("starts", ()), node.integers("ends", ())
        axes, steps = node.integers("axes", tuple(range(len(starts)))), (1,) * len(starts)
    else:
        found = [_constant(graph, node, place) for place in (1, 2)]
        if None in found:
            return None
        starts, ends = found[0] or (), found[1] or ()
        axes = _constant(graph, node, 3) or tuple(range(len(starts)))
        steps = _constant(graph, node, 4) or (1,) * len(starts)
    whole = [
        (start, step) == (0, 1) and end >= _SLICE_END for start, end, step in zip(starts, ends, steps, strict=False)
    ]
    return tuple(axis for axis, is_whole in zip(axes, whole, strict=False) if not is_whole) or None


def _constant(graph: Graph, node: Node, place: int) -> tuple[int, ...] | None:
    """The integers of an input, if it is a constant that is not empty."""
    values = graph.values(node.inputs[place]) if len(node.inputs) > place and node.inputs[place] else None
    return tuple(int(value) for value in values) if values else None
