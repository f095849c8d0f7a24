"""ONNX graphs with tensors in and out: every type, every kind of shape, and inputs that a graph rejects."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InvalidRequest
from modelyard.runtimes.base import LoadError
from modelyard.runtimes.onnx import model as onnx
from modelyard.runtimes.onnx.session import reason
from modelyard.tensors import DTYPES, FREE, TensorSpec
from tests.unit.runtimes.onnx_graphs import everything, graph, load, same, tensor, weights

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)
TYPES = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def doubled(shape: list[int | str | None] | None) -> bytes:
    """y = x + x."""
    return graph([helper.make_node("Add", ["x", "x"], ["y"])], [tensor("x", FLOAT, shape)], [tensor("y", FLOAT, shape)])


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_datatype_goes_in_and_out(datatype: str) -> None:
    model = load(same(TYPES[datatype], ["N", 2]))
    [given] = model.signature.inputs
    assert given == TensorSpec("x", datatype, (FREE, 2))
    values = np.array([["é", "a\0b"], ["", "c"]], object) if datatype == "BYTES" else np.array([[0, 1], [1, 0]])
    response = everything(model, {"x": values.astype(DTYPES[datatype])})["y"]
    assert response.dtype == DTYPES[datatype]
    assert response.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("declared", "shape", "example"),
    [
        ([], (), ()),
        ([3], (3,), (3,)),
        ([1, 3], (1, 3), (1, 3)),
        (["N"], (FREE,), (2,)),
        (["N", None, 3], (FREE, FREE, 3), (2, 1, 3)),
        ([2, "time"], (2, FREE), (2, 1)),
    ],
)
def test_shapes_are_as_the_graph_declares_them(
    declared: list[int | str | None], shape: tuple[int, ...], example: tuple[int, ...]
) -> None:
    model = load(doubled(declared))
    assert [spec.shape for spec in (*model.signature.inputs, *model.signature.outputs)] == [shape, shape]
    assert model.example["x"].shape == example
    assert everything(model, {"x": np.ones(example, np.float32)})["y"].tolist() == np.full(example, 2).tolist()


def test_an_example_has_two_different_rows() -> None:
    assert load(same(STRING, ["N", 2])).example["x"].tolist() == [["a", "a"], ["b", "b"]]
    assert load(doubled(["N", 2])).example["x"].tolist() == [[0, 0], [1, 1]]


def test_several_inputs_and_outputs_are_distinct_and_only_wanted_ones_are_returned() -> None:
    nodes = [
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Sub", ["a", "b"], ["difference"]),
        helper.make_node("ReduceMax", ["a"], ["largest"], keepdims=0),
    ]
    inputs = [tensor("a", FLOAT, ["N"]), tensor("b", FLOAT, ["N"])]
    outputs = [tensor("sum", FLOAT, ["N"]), tensor("difference", FLOAT, ["N"]), tensor("largest", FLOAT, [])]
    model = load(graph(nodes, inputs, outputs))
    assert [spec.shape for spec in model.signature.outputs] == [(FREE,), (FREE,), ()]
    given = {"b": np.array([1, 2], np.float32), "a": np.array([5, 7], np.float32)}
    assert {name: array.tolist() for name, array in model.predict(given, ("largest", "difference")).items()} == {
        "largest": 7,
        "difference": [4, 5],
    }


def test_an_input_with_a_default_value_may_be_absent() -> None:
    inputs = [tensor("x", FLOAT, ["N"]), tensor("bias", FLOAT, [1])]
    bias = weights("bias", np.array([5], np.float32))
    nodes = [helper.make_node("Add", ["x", "bias"], ["y"])]
    model = load(graph(nodes, inputs, [tensor("y", FLOAT, ["N"])], [bias]))
    assert model.signature.inputs[1] == TensorSpec("bias", "FP32", (1,), optional=True)
    assert model.example.keys() == {"x"}
    x = np.array([1], np.float32)
    assert everything(model, {"x": x})["y"].tolist() == [6]
    assert everything(model, {"x": x, "bias": x})["y"].tolist() == [2]


def test_an_output_without_a_shape_gets_its_rank_from_a_trial() -> None:
    nodes = [helper.make_node("Add", ["to", "zeros"], ["shape"]), helper.make_node("Reshape", ["x", "shape"], ["y"])]
    inputs = [tensor("x", FLOAT, ["N", 2]), tensor("zeros", INT64, [3])]
    to = weights("to", np.array([-1, 2, 1]))  # the shape depends on an input, so that shape inference cannot compute it
    model = load(graph(nodes, inputs, [tensor("y", FLOAT, None)], [to]))
    assert model.signature.outputs[0].shape == (FREE, FREE, FREE)


def test_an_input_without_a_shape_is_rejected() -> None:
    with pytest.raises(LoadError, match="'x' has no shape in the graph"):
        load(doubled(None))


@pytest.mark.parametrize("type_", [TensorProto.BFLOAT16, TensorProto.FLOAT8E4M3FN])
def test_types_that_numpy_lacks_are_rejected(type_: int) -> None:
    cast = helper.make_node("Cast", ["x"], ["y"], to=type_)
    model = graph([cast], [tensor("x", FLOAT, ["N"])], [tensor("y", type_, ["N"])], opset=19)
    with pytest.raises(LoadError, match=r"'y' is a tensor.*numpy cannot hold; cast it to float in the graph"):
        load(model)


def test_an_input_that_is_a_sequence_is_rejected() -> None:
    sequence = helper.make_tensor_sequence_value_info("x", FLOAT, ["N"])
    nodes = [helper.make_node("SequenceLength", ["x"], ["y"])]
    with pytest.raises(LoadError, match=r"input 'x' is a seq\(tensor\(float\)\), but requests contain tensors only"):
        load(graph(nodes, [sequence], [tensor("y", INT64, [])]))


@pytest.mark.parametrize(
    "array",
    [ROWS.astype(">f4"), np.asfortranarray(ROWS), np.arange(12, dtype=np.float32).reshape(2, 6)[:, ::2] / 2],
    ids=["big-endian", "columns first", "strided"],
)
def test_arrays_in_any_memory_layout_are_read_alike(array: np.ndarray) -> None:
    assert everything(load(doubled(["N", 3])), {"x": array})["y"].tolist() == (ROWS * 2).tolist()


def test_bytes_are_read_as_text_and_rejected_if_they_are_not_utf_8() -> None:
    model = load(same(STRING, ["N", 1]))
    given = np.array([["é".encode()], ["b"]], object)
    assert everything(model, {"x": given})["y"].tolist() == [["é"], ["b"]]
    with pytest.raises(InvalidRequest, match="input 'x' contains bytes that are not UTF-8"):
        everything(model, {"x": np.array([[b"\xff"]], object)})


def test_what_fits_the_signature_and_not_the_graph_is_the_requests_fault() -> None:
    # Such as the edges of an image's patches: the operator limits them, and the input's shape does not show it.
    nodes = [helper.make_node("Gather", ["table", "x"], ["y"])]
    table = weights("table", np.arange(4, dtype=np.float32))
    model = load(graph(nodes, [tensor("x", INT64, ["N"])], [tensor("y", FLOAT, ["N"])], [table]))
    assert everything(model, {"x": np.array([3])})["y"].tolist() == [3]
    with pytest.raises(InvalidRequest, match=r"^the model rejects the input: .*out of data bounds"):
        everything(model, {"x": np.array([4])})


def test_lengths_that_should_agree_and_do_not_are_the_requests_fault() -> None:
    nodes = [helper.make_node("Add", ["a", "b"], ["y"])]
    model = load(graph(nodes, [tensor("a", INT64, ["N"]), tensor("b", INT64, ["M"])], [tensor("y", INT64, [None])]))
    with pytest.raises(InvalidRequest, match=r"rejects the input: Add: Attempting to broadcast .* 2 by 3$"):
        everything(model, {"a": np.zeros(2, np.int64), "b": np.zeros(3, np.int64)})


def test_a_request_that_needs_too_much_memory_is_not_reported_as_invalid() -> None:
    nodes = [helper.make_node("Expand", ["x", "shape"], ["y"])]
    model = load(graph(nodes, [tensor("x", FLOAT, [1]), tensor("shape", INT64, ["N"])], [tensor("y", FLOAT, None)]))
    with pytest.raises(MemoryError, match="onnxruntime cannot allocate memory for this request"):
        everything(model, {"x": np.zeros(1, np.float32), "shape": np.array([2**40, 2**10])})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (b"", "No graph was found in the protobuf."),
        (b"junk", "Failed to load model because protobuf parsing failed."),
        (doubled(["N"])[:40], "Failed to load model because protobuf parsing failed."),
        (graph([helper.make_node("Identity", ["x"], ["y"])], [tensor("x", FLOAT, [1])], [tensor("y", FLOAT, [1])], opset=99),
         r"ONNX Runtime only \*guarantees\* support .* Opset 99"),
        (graph([helper.make_node("Nonsense", ["x"], ["y"])], [tensor("x", FLOAT, [1])], [tensor("y", FLOAT, [1])]),
         "This is an invalid model. .* No Op registered for Nonsense"),
    ],
    ids=["empty", "junk", "truncated", "opset", "operator"],
)  # fmt: skip
def test_a_file_that_is_not_a_model_is_rejected_with_a_readable_reason(model: bytes, message: str) -> None:
    with pytest.raises(LoadError, match=f"^model.onnx cannot be loaded: {message}"):
        load(model)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(LoadError, match=r"the version does not contain model\.onnx"):
        onnx.load({"weights.bin": b""}, ModelSpec(name="m"), cpus=1)


def test_reasons_have_no_codes_and_source_places_and_the_same_message() -> None:
    code = "[ONNXRuntimeError] : 1 : FAIL : "
    detail = (
        f"{code}Exception during initialization: /src/a.cc:44 onnx::A::A(const T&, int) !path was false. It is empty"
    )
    assert reason(Exception(detail)) == "It is empty"
    assert reason(Exception(f"{code}graph.cc:4473 Inject External file: x : y")) == "External file: x : y"
    assert reason(Exception("plain")) == "plain"
    assert len(reason(Exception("x" * 9999))) == 300


@pytest.mark.parametrize(("cpus", "threads"), [(0.1, 1), (1, 1), (1.5, 2), (3, 3)])
def test_threads_are_the_replicas_share_rounded_up(cpus: float, threads: int) -> None:
    options = load(doubled(["N"]), cpus=cpus)._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
