"""Models whose rows depend on one another are detected: by magnitudes, signs, positions, sizes and neighbours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from modelyard.config.model_spec import Batching, ModelSpec
from modelyard.inference.batch_parity import batch_compositions
from modelyard.inference.varied_rows import varied_rows
from modelyard.inference.warmup import warm
from modelyard.runtimes.onnx import model as onnx
from modelyard.tensors import DTYPES, FREE, Array, InferRequest, Signature, Tensors, TensorSpec
from tests.fakes import FakeClock, FakeModel

OTHERS = "outputs of a row differ between a batch of"
TWO = Signature((TensorSpec("x", "FP32", (FREE, 2)),), (TensorSpec("y", "FP32", (FREE, 2)),))
ZEROS_AND_ONES = {"x": np.array([[0, 0], [1, 1]], np.float32)}


def warmed(call: Callable[[Array], Any], example: Tensors | None = None, max_size: int = 64) -> str:
    """The reason why the model is not batched."""
    model = FakeModel(lambda inputs: {"y": call(inputs["x"])}, signature=TWO, example=example or ZEROS_AND_ONES)
    measured = warm(model, [InferRequest(model.example, 2, ("y",))], batching=Batching(max_size=max_size))
    assert measured.batchable == (not measured.reason)
    return measured.reason


def quantized(x: Array) -> Array:
    step = max(np.abs(x).max() / 127, 1e-30)
    return np.round(x / step) * step


MIXING: dict[str, Callable[[Array], Any]] = {
    "scales by the batch's largest": quantized,
    "branches on the batch's mean": lambda x: x if x.mean() > 0 else -x,
    "branches on the batch's sum, far away": lambda x: x + 1 if x.sum() > 100 else x,
    "branches on the largest of a batch": lambda x: x if x.max() < 50 else x * 1.01,
    "branches on the smallest of a batch": lambda x: x if x.min() > -50 else x * 1.01,
    "normalises by the batch": lambda x: x if len(x) == 1 else x / max(x.std(), 1e-9),
    "clips to the batch's quantiles": lambda x: np.clip(x, None, np.quantile(x, 0.9) if len(x) > 4 else None),
    "shares one row's tiny part": lambda x: x + 1e-3 * x[::-1],
    "uses the first row": lambda x: x + (x[:1] < 0),
    "uses the last row": lambda x: x + (x[-1:] < 0),
    "another output for an odd number of rows": lambda x: x if len(x) == 1 or len(x) % 2 == 0 else x + 1,
    "sorts by size": lambda x: x[np.argsort(x[:, 0], kind="stable")],
    "tests whether one is far from the batch's mean": lambda x: (
        np.abs(np.clip(x, 0, 1) - np.clip(x, 0, 1).mean(0)) > 0.79
    ),
    "labels by rank": lambda x: (x > np.median(x)).astype(np.int64) if len(x) > 1 else (x > 0).astype(np.int64),
}
NEED_MORE_THAN_TWO = (
    "another output for an odd number of rows",
    "clips to the batch's quantiles",
    "tests whether one is far from the batch's mean",
)


@pytest.mark.parametrize("max_size", [2, 5, 64])
@pytest.mark.parametrize("call", MIXING.values(), ids=MIXING)
def test_a_model_whose_rows_depend_on_other_rows_is_not_batched(call: Callable[[Array], Any], max_size: int) -> None:
    needs_more = call in map(MIXING.get, NEED_MORE_THAN_TWO)
    assert warmed(call, max_size=max_size).startswith(OTHERS) or (max_size == 2 and needs_more)


weights = np.random.default_rng(1).standard_normal((2, 2)).astype(np.float32)

ALONE: dict[str, Callable[[Array], Any]] = {
    "linear": lambda x: x @ weights,
    "in another order in a batch": lambda x: (x @ weights) if len(x) > 1 else (x[:, ::-1] @ weights[::-1]),
    "saturates": np.tanh,
    "overflows": lambda x: np.exp(np.minimum(x.astype(np.float32) * 100, 1e4)),
    "is NaN for half of its rows": np.sqrt,
    "labels": lambda x: (x > 0).astype(np.int64),
    "texts": lambda x: np.array([[f"{value:.3g}" for value in row] for row in x], object),
    "halves": lambda x: x.astype(np.float16),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("call", ALONE.values(), ids=ALONE)
def test_a_model_with_independent_rows_is_batched(call: Callable[[Array], Any]) -> None:
    assert warmed(call) == ""


def test_rows_that_the_model_rejects_alone_are_left_out() -> None:
    def picky(x: Array) -> Array:
        if (np.abs(x) > 1).any():
            raise ValueError("out of range")
        return x

    assert warmed(picky) == ""


def test_rows_whose_outputs_differ_in_shape_do_not_share_a_batch() -> None:
    assert (
        warmed(lambda x: np.ones((len(x), 1 + int(x[0, 0] < 0))))
        == "output 'y' does not have the same shape for each row"
    )


def test_the_tolerance_does_not_hide_differences_in_tiny_rows() -> None:
    tiny = {"x": np.array([[1e-9, 2e-9], [3e-9, 4e-9]], np.float32)}
    assert warmed(lambda x: x if len(x) == 1 else x + 1e-10, tiny).startswith(OTHERS)


def test_a_reason_from_the_artefact_replaces_the_test() -> None:
    model = FakeModel()
    model.mixes_rows = "its graph has DynamicQuantizeLinear, which mixes rows"  # type: ignore[attr-defined]
    measured = warm(model, [InferRequest(model.example, 2, ("y",))], batching=Batching())
    assert measured.reason == "its graph has DynamicQuantizeLinear, which mixes rows"
    assert set(model.batches) == {1, 2}


@pytest.mark.parametrize("one_s", [0.001, 0.05, 1.0, 5.0])
def test_the_duration_of_the_test_is_bounded_for_a_slow_model(one_s: float) -> None:
    clock = FakeClock()
    model = FakeModel(clock=clock, seconds=lambda rows: one_s * rows)
    begun = clock()
    measured = warm(model, [InferRequest(model.example, 2, ("y",))], batching=Batching(), clock=clock)
    assert measured.batchable
    assert clock() - begun < max(8.0, 24 * one_s)


@pytest.mark.parametrize("size", [2, 3, 64])
@pytest.mark.parametrize(("examples", "rows"), [(2, 2), (2, 4), (4, 14), (3, 4)])
def test_batches_of_all_allowed_sizes_contain_every_row(examples: int, rows: int, size: int) -> None:
    all_ = list(batch_compositions(examples, rows, size))
    assert {len(members) for members in all_} <= set(range(1, size + 1))
    assert max(map(len, all_)) == size
    assert set().union(*all_) == set(range(rows))
    if rows > examples:
        first = all_[0]
        assert min(first) < examples <= max(first), "an example goes with a varied row at once"


SHAPES = [(), (3,), (2, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("datatype", DTYPES)
def test_varied_rows_differ_from_the_examples_only_in_their_values(datatype: str, shape: tuple[int, ...]) -> None:
    dtype = DTYPES[datatype]
    values = np.arange(2 * int(np.prod(shape))).reshape(2, *shape)
    array = np.array(list("abcdefgh"), object)[values] if datatype == "BYTES" else values.astype(dtype)
    rows = [InferRequest({"x": array[index : index + 1]}, 1, ("y",)) for index in range(2)]
    made = [each.request.inputs["x"] for each in varied_rows(rows)]
    assert len(made) >= 2
    assert {(each.dtype, each.shape) for each in made} == {(dtype, (1, *shape))}
    again = [each.request.inputs["x"] for each in varied_rows(rows)]
    assert all(np.array_equal(one, other) for one, other in zip(made, again, strict=True))
    if dtype.kind == "f":
        sizes = [float(np.abs(each.astype(np.float64)).max()) for each in made]
        assert min(sizes) < 1e-1 < 1e2 < max(sizes)
        assert min(float(each.min()) for each in made) < 0


@pytest.mark.parametrize("values", [[2**63 - 1, -(2**63)], [0, 2**63 - 1]])
def test_integers_stay_within_their_type(values: list[int]) -> None:
    rows = [InferRequest({"x": np.array([value])}, 1, ("y",)) for value in values]
    assert all(each.request.inputs["x"].dtype == np.int64 for each in varied_rows(rows))


def test_missing_values_stay_missing() -> None:
    rows = [InferRequest({"x": np.array([value], object)}, 1, ("y",)) for value in (None, 5)]
    assert {each.request.inputs["x"][0] for each in varied_rows(rows)} <= {None, 5}


# Graphs that no one here made up


def graph(nodes: list[Any], weights: dict[str, Array], width: int = 3) -> Any:
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]) for name in "xy"]
    constants = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()]
    whole = helper.make_graph(nodes, "g", tensors[:1], tensors[1:], constants)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def reason_of(model: bytes) -> str:
    loaded = onnx.load({"model.onnx": model}, ModelSpec(name="m"), cpus=1)
    rows = len(loaded.example["x"])
    return warm(loaded, [InferRequest(loaded.example, rows, ("y",))], batching=Batching()).reason


def test_a_dynamically_quantized_graph_is_not_batched(tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    random = np.random.default_rng(0)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("MatMul", ["h", "v"], ["y"])]
    plain = graph(nodes, {"w": random.standard_normal((3, 16)), "v": random.standard_normal((16, 3))})
    save(plain, tmp_path / "plain.onnx")
    quantize_dynamic(tmp_path / "plain.onnx", tmp_path / "model.onnx")
    assert reason_of((tmp_path / "model.onnx").read_bytes())
    assert reason_of(plain.SerializeToString()) == ""


def test_a_graph_that_branches_on_the_mean_of_a_batch_is_not_batched() -> None:
    def branch(sign: float) -> Any:
        out = helper.make_tensor_value_info("b", TensorProto.FLOAT, [None, 3])
        constant = numpy_helper.from_array(np.array(sign, np.float32), "s")
        return helper.make_graph([helper.make_node("Mul", ["x", "s"], ["b"])], "branch", [], [out], [constant])

    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Greater", ["m", "zero"], ["c"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch(1.0), else_branch=branch(2.0)),
    ]
    assert reason_of(graph(nodes, {"zero": np.array(0.0)}).SerializeToString())
