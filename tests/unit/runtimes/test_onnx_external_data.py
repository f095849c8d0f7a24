"""Tensors that a graph stores in other files: from memory, and from the version's files only."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from modelyard.runtimes.base import LoadError
from tests.unit.runtimes.onnx_graphs import everything, load, proto, tensor, weights

VALUES = np.arange(4, dtype=np.float32)
ZEROS = {"x": np.zeros((1, 4), np.float32)}


def outside(tensor_: TensorProto, location: str, **more: int) -> TensorProto:
    """The same tensor with its values in a file."""
    tensor_.ClearField("raw_data")
    tensor_.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        entry = tensor_.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor_


def plus(location: str, **more: int) -> ModelProto:
    """y = x + w, with w in a file."""
    ends = [tensor(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    kept = outside(weights("w", VALUES), location, **more)
    return proto([helper.make_node("Add", ["x", "w"], ["y"])], ends[:1], ends[1:], [kept])


@pytest.mark.parametrize(
    ("location", "file"),
    [("w.bin", "w.bin"), ("./w.bin", "w.bin"), ("deep/w.bin", "deep/w.bin"), ("deep/../w.bin", "w.bin")],
)
def test_tensors_are_read_from_the_versions_files(location: str, file: str) -> None:
    model = load(plus(location).SerializeToString(), files={file: VALUES.tobytes(), "README.md": b"hello"})
    assert everything(model, ZEROS)["y"].tolist() == [VALUES.tolist()]


def test_a_file_may_be_named_in_two_ways() -> None:
    ends = [tensor(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    kept = [outside(weights("w", VALUES), "w.bin"), outside(weights("v", VALUES), "./w.bin")]
    nodes = [helper.make_node("Sum", ["x", "w", "v"], ["y"])]
    model = load(proto(nodes, ends[:1], ends[1:], kept).SerializeToString(), files={"w.bin": VALUES.tobytes()})
    assert everything(model, ZEROS)["y"].tolist() == [(2 * VALUES).tolist()]


def test_a_tensor_is_a_part_of_its_file() -> None:
    model = load(plus("w.bin", offset=16, length=16).SerializeToString(), files={"w.bin": bytes(16) + VALUES.tobytes()})
    assert everything(model, ZEROS)["y"].tolist() == [VALUES.tolist()]


@pytest.mark.parametrize(
    "location", ["w.bin", "../w.bin", "/etc/passwd", "deep/../../w.bin", "*/_ORT_MEM_ADDR_/*", "model.onnx", ""]
)
def test_a_file_that_is_not_the_versions_is_rejected(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.bin").write_bytes(VALUES.tobytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError, match="which is not a file of its version directory"):
        load(plus(location).SerializeToString(), files={"other.bin": b""})


def test_tensors_inside_nodes_and_functions_are_found() -> None:
    ends = [tensor(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    constant = helper.make_node("Constant", [], ["w"], value=outside(weights("w", VALUES), "hidden.bin"))
    add = helper.make_node("Add", ["x", "w"], ["y"])
    in_node = proto([constant, add], ends[:1], ends[1:])
    with pytest.raises(LoadError, match=r"'hidden\.bin', which is not a file"):
        load(in_node.SerializeToString())
    branch = helper.make_graph([constant, add], "branch", [], ends[1:])
    either = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    in_branch = proto([either], [tensor("c", TensorProto.BOOL, []), ends[0]], ends[1:])
    with pytest.raises(LoadError, match=r"'hidden\.bin', which is not a file"):
        load(in_branch.SerializeToString())
    in_function = proto([helper.make_node("F", ["x"], ["y"], domain="own")], ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 18)]
    in_function.functions.append(helper.make_function("own", "F", ["x"], ["y"], [constant, add], opsets))
    in_function.opset_import.append(helper.make_opsetid("own", 1))
    with pytest.raises(LoadError, match=r"'hidden\.bin', which is not a file"):
        load(in_function.SerializeToString())


def test_a_file_that_is_too_short_is_rejected() -> None:
    with pytest.raises(LoadError, match=r"model.onnx cannot be loaded: External initializer: w offset"):
        load(plus("w.bin").SerializeToString(), files={"w.bin": bytes(8)})


def test_the_onnx_package_is_not_imported_for_a_model_in_one_file(tmp_path: Path) -> None:
    # A classifier: its graph is searched for classes, and for operators that mix rows.
    ends = [tensor(name, TensorProto.FLOAT, ["N", 2]) for name in ("x", "probabilities")]
    nodes = [
        helper.make_node("Softmax", ["x"], ["probabilities"]),
        helper.make_node("ArgMax", ["x"], ["place"], axis=1, keepdims=0),
        helper.make_node("Gather", ["names", "place"], ["label"]),
    ]
    names = weights("names", np.array([10, 20]))
    model = proto(nodes, ends[:1], [tensor("label", TensorProto.INT64, ["N"]), ends[1]], [names])
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    program = (
        "import sys; from pathlib import Path; from modelyard.runtimes.onnx import model as onnx; "
        "from modelyard.config.model_spec import ModelSpec; "
        "files = {'model.onnx': Path(sys.argv[1]).read_bytes(), 'README.md': b'', 'example.json': b''}; "
        "model = onnx.load(files, ModelSpec(name='m'), cpus=1); print(model.signature.classes, 'onnx' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "model.onnx"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "(10, 20) False\n"
