"""Whether first axes are rows: by trial, by the operator's example, by the YAML; and shapes that a graph declares wrongly."""

import json
import warnings
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from onnx import NodeProto, TensorProto, helper
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from modelyard.runtimes.base import LoadError
from modelyard.tensors import FREE
from tests.unit.runtimes.onnx_graphs import everything, graph, load, same, tensor, weights
from tests.unit.runtimes.test_onnx_over_json import QUERIES, predict_json

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
WIDE = 5000


def node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs, outputs, **attributes)


def weighed(first: str | None = "N", last: str | None = "N") -> bytes:
    """y = x @ w. The width of x is free, and must be more than that of any synthetic example."""
    w = weights("w", np.ones((WIDE, 2), np.float32))
    return graph(
        [node("MatMul", ["x", "w"], ["y"])], [tensor("x", FLOAT, [first, None])], [tensor("y", FLOAT, [last, 2])], [w]
    )


def example(**body: Any) -> dict[str, bytes]:
    return {"example.json": json.dumps(body).encode()}


ROW = [1.0] * WIDE
SUM = [WIDE, WIDE]
BOTH_ENDS = graph(
    [
        node("ReduceMin", ["x"], ["low"], keepdims=1),
        node("ReduceMax", ["x"], ["high"], keepdims=1),
        node("Concat", ["low", "high"], ["ends"], axis=0),
        # A target that depends on values keeps onnxruntime from finding the length itself.
        node("Cast", ["low"], ["whole"], to=INT64),
        node("Mul", ["whole", "zero"], ["nought"]),
        node("Add", ["nought", "two"], ["to"]),
        node("Reshape", ["ends", "to"], ["y"]),
    ],
    [tensor("x", FLOAT, ["N"])],
    [tensor("y", FLOAT, [None])],
    [weights("zero", np.array([0])), weights("two", np.array([2]))],
)
"""The smallest and the largest value."""
UNNAMED_QUERIES = graph(
    [node("Transpose", ["documents"], ["turned"], perm=[1, 0]), node("MatMul", ["queries", "turned"], ["likeness"])],
    [tensor("queries", FLOAT, [None, 2]), tensor("documents", FLOAT, [None, 2])],
    [tensor("likeness", FLOAT, [None, None])],
)


def test_an_output_that_is_as_long_as_two_rows_by_chance_is_no_rows() -> None:
    assert not load(BOTH_ENDS).signature.rowwise


def test_a_graph_that_drops_rows_by_their_values_accepts_whole_tensors() -> None:
    # It drops no row of the synthetic input or of the example.
    content = graph(
        [node("Greater", ["x", "zero"], ["kept"]), node("Compress", ["x", "kept"], ["y"], axis=0)],
        [tensor("x", FLOAT, ["N"])],
        [tensor("y", FLOAT, ["M"])],
        [weights("zero", np.array(-0.001, np.float32))],
    )
    model = load(content, files=example(inputs={"x": [1.5, 2.5]}))
    assert not model.signature.rowwise
    assert everything(model, {"x": np.array([-1, 3], np.float32)})["y"].tolist() == [3]


def test_inputs_without_names_for_their_lengths_may_differ_where_an_output_follows() -> None:
    model = load(UNNAMED_QUERIES)
    assert not model.signature.rowwise
    given = {"queries": [[1, 0], [0, 1]], "documents": [[5, 6], [7, 8], [9, 0]]}
    assert predict_json(model, {"inputs": given})["outputs"] == {"likeness": [[5, 7, 9], [6, 8, 0]]}


@pytest.mark.parametrize("rows", [None, "N"])
def test_an_input_that_is_not_used_does_not_hide_the_rows(rows: str | None) -> None:
    ends = [tensor(name, FLOAT, [rows, 1]) for name in ("x", "unused")]
    assert load(graph([node("Neg", ["x"], ["y"])], ends, [tensor("y", FLOAT, [rows, 1])])).signature.rowwise


def test_a_column_that_a_transformer_drops_does_not_hide_the_rows() -> None:
    from skl2onnx.common.data_types import FloatTensorType

    types = [(name, FloatTensorType([None, 1])) for name in ("a", "b")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd

        frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})
        fitted = make_column_transformer((StandardScaler(), ["a"])).fit(frame)
        model = load(to_onnx(fitted, initial_types=types).SerializeToString())
    assert model.signature.rowwise


@pytest.mark.parametrize("width", [5, 784])
def test_a_free_axis_may_be_as_long_as_one_of_the_graphs_constants(width: int) -> None:
    w = weights("w", np.ones((width, 2), np.float32))
    ends = [tensor("x", FLOAT, [None, None])], [tensor("y", FLOAT, [None, 2])]
    model = load(graph([node("MatMul", ["x", "w"], ["y"])], *ends, [w]))
    assert model.signature.rowwise
    assert model.example["x"].shape == (2, width)


class TestAGraphThatTakesNoExample:
    def test_has_rows_where_all_its_first_axes_have_one_name(self) -> None:
        model = load(weighed())
        assert model.signature.rowwise
        assert model.notes == ()
        assert predict_json(model, {"instances": [ROW, ROW]})["predictions"] == [SUM, SUM]

    @pytest.mark.parametrize(("first", "last"), [(None, None), ("N", "M")])
    def test_accepts_whole_tensors_if_nothing_declares_rows(self, first: str | None, last: str | None) -> None:
        model = load(weighed(first, last))
        assert not model.signature.rowwise
        [note] = model.notes
        assert "`rows: true`" in note
        assert predict_json(model, {"inputs": {"x": [ROW]}})["outputs"] == {"y": [SUM]}

    def test_has_rows_if_the_yaml_sets_them(self) -> None:
        model = load(weighed(None, None), rows=True)
        assert model.signature.rowwise
        assert model.notes == ()

    @pytest.mark.parametrize(
        "body", [{"instances": [ROW]}, {"instances": [{"x": ROW}, {"x": ROW}]}, {"inputs": {"x": [ROW, ROW]}}]
    )
    def test_is_tried_with_the_operators_example(self, body: Any) -> None:
        model = load(weighed(None, None), files=example(**body))
        assert model.signature.rowwise
        assert model.example["x"].shape == (2, WIDE)
        assert predict_json(model, {"instances": [ROW]})["predictions"] == [SUM]

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"{}", b'{"instances": []}', b'{"inputs": {"z": 1}}', b'{"inputs": 3}']
    )
    def test_is_loaded_next_to_an_example_that_does_not_match(self, content: bytes) -> None:
        assert load(weighed(), files={"example.json": content}).signature.rowwise


def test_the_yaml_may_say_that_first_axes_are_no_rows() -> None:
    model = load(same(FLOAT, ["N", 2]), rows=False)
    assert not model.signature.rowwise
    assert model.notes == ()
    assert predict_json(model, {"inputs": {"x": [[1, 2]]}})["outputs"] == {"y": [[1, 2]]}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (same(FLOAT, [1, 2]), r"'x' has shape \[1, 2\]: its first axis has a fixed length"),
        (same(FLOAT, []), r"'x' has shape \[\]: its first axis has a fixed length"),
        (BOTH_ENDS, r"output 'y' has shape \[2\] for 3 rows"),
        (QUERIES, "the graph accepts inputs of different lengths"),
    ],
)
def test_rows_that_are_not_rows_are_rejected(model: bytes, message: str) -> None:
    with pytest.raises(LoadError, match=f"^the YAML has `rows: true`, but {message}"):
        load(model, rows=True)


def test_input_types_come_from_the_graph() -> None:
    with pytest.raises(LoadError, match="the YAML has `inputs`, but an ONNX graph declares its own inputs"):
        load(same(FLOAT, ["N"]), inputs=[{"name": "x", "datatype": "FP64"}])


@pytest.mark.parametrize(
    ("declared", "shape"), [([1, 2], (FREE, 2)), ([None, 9], (FREE, FREE)), ([1], (FREE, FREE)), (["N", 2], (FREE, 2))]
)
def test_a_shape_that_the_trial_disproves_is_not_used(declared: list[Any], shape: tuple[int, ...]) -> None:
    # Through an input-dependent reshape, which onnxruntime cannot check when it loads the graph.
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("ReduceSum", ["x"], ["total"], keepdims=0),
        node("Mul", ["total", "zero"], ["nought"]),
        node("Cast", ["nought"], ["no"], to=INT64),
        node("Add", ["shape", "no"], ["to"]),
        node("Reshape", ["x", "to"], ["y"]),
    ]
    zero = weights("zero", np.zeros((), np.float32))
    model = load(graph(nodes, [tensor("x", FLOAT, ["N", 2])], [tensor("y", FLOAT, declared)], [zero]))
    assert model.signature.outputs[0].shape == shape
    assert model.signature.rowwise


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_boosted_regressors_accept_rows_and_return_numbers(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType

        types = {"initial_types": [("x", FloatTensorType([None, 4]))], "target_opset": 15}
        if kind == "lightgbm":
            estimator: Any = lightgbm.LGBMRegressor(n_estimators=2, verbose=-1, n_jobs=1).fit(X, Y)
            proto = onnxmltools.convert_lightgbm(estimator, **types)
        else:
            estimator = xgboost.XGBRegressor(n_estimators=2, n_jobs=1).fit(X, Y)
            proto = onnxmltools.convert_xgboost(estimator, **types)
        expected = estimator.predict(X[::9])
    model = load(proto.SerializeToString())
    assert model.signature.rowwise
    np.testing.assert_allclose(everything(model, {"x": X[::9]})["variable"].ravel(), expected, rtol=1e-5)
    together = everything(model, {"x": X})["variable"]
    np.testing.assert_array_equal(together[::9], everything(model, {"x": X[::9]})["variable"])
