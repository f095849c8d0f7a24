"""The reader of graphs against the `onnx` package, over the package's own models."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelyard.runtimes.onnx.graph import Graph, constant, read_model
from modelyard.runtimes.onnx.protobuf import fields
from tests.unit.runtimes.onnx_graphs import graph, tensor, weights

DATA = Path(onnx.__file__).parent / "backend/test/data"
FILES = sorted((*DATA.glob("simple/*/model.onnx"), *DATA.glob("pytorch-*/*/model.onnx"), *DATA.glob("light/*.onnx")))


def described(proto: onnx.GraphProto) -> list[object]:
    domains = {"ai.onnx": ""}
    return [
        (node.op_type, domains.get(node.domain, node.domain), tuple(node.input), tuple(node.output))
        for node in proto.node
    ]


def test_every_node_and_constant_of_real_models_is_read_as_the_package_reads_it() -> None:
    assert len(FILES) > 90
    for file in FILES:
        expected = onnx.load(file).graph
        model = read_model(file.read_bytes())
        assert model is not None
        found = model.graph
        assert described(expected) == [(node.kind, node.domain, node.inputs, node.outputs) for node in found.nodes]
        assert found.inputs == tuple(each.name for each in expected.input)
        assert found.outputs == tuple(each.name for each in expected.output)
        for each in expected.initializer:
            if each.dims and np.prod(each.dims) < 100:
                np.testing.assert_array_equal(found.values(each.name), numpy_helper.to_array(each).ravel())


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, -2, 2**62]), np.array([-1], np.int32), np.array([1.5], np.float32), np.array([1.5]),
        np.array([True, False]), np.array(["é", ""], object), np.array(7), np.array([], np.int64), np.array([0.5], np.float16),
    ],
    ids=str,
)  # fmt: skip
def test_constants_are_read_from_raw_data(values: np.ndarray) -> None:
    read = constant(memoryview(weights("w", values).SerializeToString()))
    assert read == tuple(values.ravel().tolist())


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TensorProto.INT64, [3, -4]),
        (TensorProto.INT32, [3, -4]),
        (TensorProto.BOOL, [1, 0]),
        (TensorProto.FLOAT, [0.5, -1]),
        (TensorProto.DOUBLE, [0.5, -1]),
    ],
)
def test_constants_are_read_from_typed_fields(kind: int, values: list[float]) -> None:
    read = constant(memoryview(helper.make_tensor("w", kind, [2], values).SerializeToString()))
    assert read == tuple(values)


def test_constants_in_other_files_or_of_other_types_are_not_read() -> None:
    elsewhere = weights("w", np.array([1]))
    elsewhere.data_location = TensorProto.EXTERNAL
    assert constant(memoryview(elsewhere.SerializeToString())) is None
    assert constant(memoryview(weights("w", np.array([1], np.uint8)).SerializeToString())) is None


@pytest.mark.parametrize(
    ("attributes", "values"),
    [({"value_int": -3}, (-3,)), ({"value_ints": [1, -2]}, (1, -2)), ({"value_string": "é"}, ("é",)),
     ({"value_strings": ["a", ""]}, ("a", "")), ({"value": weights("v", np.array([4]))}, (4,))],
)  # fmt: skip
def test_a_constant_node_is_read_in_all_its_forms(attributes: dict[str, object], values: tuple[object, ...]) -> None:
    made = helper.make_graph([helper.make_node("Constant", [], ["c"], **attributes)], "g", [], [])
    assert Graph(memoryview(made.SerializeToString())).values("c") == values


@pytest.mark.parametrize("content", [b"\x0a", b"\x0a\x05a", b"\x80", b"\x0b", b"\x0d\x00"])
def test_what_is_no_message_raises(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"after the end of its message|wire type"):
        list(fields(memoryview(content)))


def test_whether_an_input_has_a_shape() -> None:
    ends = [tensor("x", TensorProto.FLOAT, None), tensor("y", TensorProto.FLOAT, [])]
    model = read_model(
        graph([helper.make_node("Add", ["x", "y"], ["z"])], ends, [tensor("z", TensorProto.FLOAT, None)])
    )
    assert model is not None
    assert [model.graph.has_shape(name) for name in ("x", "y", "z")] == [False, True, False]
