"""The arrays that the onnx runtime returns have numpy's types, in memory that no session and no client shares."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

from modelyard.tensors import DTYPES
from tests.unit.runtimes.onnx_graphs import everything, graph, load, same, tensor, weights
from tests.unit.runtimes.test_onnx_over_json import predict_json
from tests.unit.runtimes.test_onnx_tensors import TYPES

FLOAT = TensorProto.FLOAT
W = np.arange(4096, dtype=np.float32).reshape(2, 2048)
X = load_iris().data.astype(np.float32)


def node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, outputs, **attributes)


def kept(nodes: list[Any], outputs: list[str]) -> bytes:
    """A graph with a constant w that may be an output."""
    shapes = {"w": [2, 2048], "flat": [4096]}
    ends = [tensor(name, FLOAT, shapes.get(name, ["N", 2048])) for name in outputs]
    return graph(nodes, [tensor("x", FLOAT, ["N", 2048])], ends, [weights("w", W), weights("all", np.array([-1]))])


GRAPHS = {
    "an initializer": kept([node("Identity", ["x"], ["y"])], ["y", "w"]),
    "a constant": kept([node("Constant", [], ["y"], value=weights("c", W))], ["y"]),
    "the same initializer under another name": kept([node("Identity", ["w"], ["y"])], ["y"]),
    "a view of an initializer": kept([node("Reshape", ["w", "all"], ["flat"])], ["flat"]),
    "the input": kept([node("Neg", ["x"], ["y"])], ["x", "y"]),
    "the input under another name": kept([node("Identity", ["x"], ["y"])], ["y"]),
    "a view of the input": kept([node("Reshape", ["x", "all"], ["flat"])], ["flat"]),
    "one tensor twice": kept(
        [node("Neg", ["x"], ["y"]), node("Identity", ["y"], ["z"]), node("Identity", ["y"], ["v"])], ["y", "z", "v"]
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_write_into_an_output_changes_no_other_array_and_no_later_call(name: str) -> None:
    model = load(GRAPHS[name])
    x = np.ones((2, 2048), np.float32)
    first = everything(model, {"x": x})
    before = {output: array.copy() for output, array in first.items()}
    for output, array in first.items():
        array.fill(-7)
        for other in first.keys() - {output}:
            assert not np.shares_memory(array, first[other])
    assert (x == 1).all()
    second = everything(model, {"x": x})
    for output, array in second.items():
        np.testing.assert_array_equal(array, before[output])


def test_a_call_leaves_the_outputs_of_the_one_before_as_they_are() -> None:
    model = load(kept([node("Neg", ["x"], ["y"])], ["y"]))
    first = everything(model, {"x": W})["y"]
    everything(model, {"x": W * 2})
    np.testing.assert_array_equal(first, -W)


@pytest.mark.parametrize("datatype", DTYPES)
def test_outputs_have_numpys_own_types(datatype: str) -> None:
    model = load(same(TYPES[datatype], ["N"]))
    values = np.array(["a"], object) if datatype == "BYTES" else np.array([1], DTYPES[datatype])
    given = everything(model, {"x": values})["y"]
    assert given.dtype.char == DTYPES[datatype].char  # "q" and "l" compare equal, and orjson supports one of them
    assert type(given[0]) is type(values[0])


def test_several_outputs_of_whole_numbers_are_answered_over_json() -> None:
    clusters = KMeans(3, n_init=1, random_state=0).fit(X)
    model = load(to_onnx(clusters, X[:1]).SerializeToString())
    rows = predict_json(model, {"instances": X[:5].tolist()})["predictions"]
    assert [row["label"] for row in rows] == clusters.predict(X[:5]).tolist()
    np.testing.assert_allclose([row["scores"] for row in rows], clusters.transform(X[:5]), rtol=1e-3)
