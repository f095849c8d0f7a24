"""Every server is started with its model on its ports, and has a target for each of its cells."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.peers.cells import CELLS, Cell
from benchmarks.peers.models import Served, make
from benchmarks.peers.peer import Start
from benchmarks.peers.registry import OURS, PEERS
from benchmarks.subjects import Subject
from modelyard.config.model_spec import ModelSpec

PORT, GRPC_PORT = 18000, 18001


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "mlflow" / "iris-onnx").mkdir(parents=True)
    return {name: make(name, folder / "models") for name in ("iris-onnx", "iris", "cnn")}


def subject(peer: str, model: Served, folder: Path) -> tuple[Subject, list[Cell]]:
    cells = [cell for cell in CELLS.values() if cell.model == model.name and PEERS[peer].supports(cell)]
    return PEERS[peer].subject(Start(Path("/env/bin"), folder, PORT, GRPC_PORT, model), cells), cells


@pytest.mark.parametrize("peer", PEERS)
def test_a_server_has_a_target_for_each_of_its_cells(peer: str, models: dict[str, Served], tmp_path: Path) -> None:
    started, cells = subject(peer, models["iris-onnx"], tmp_path)
    assert [target.name for target in started.targets] == [cell.name for cell in cells]
    for target, cell in zip(started.targets, cells, strict=True):
        port = GRPC_PORT if cell.kind == "grpc" else PORT
        assert target.url.startswith(f"http://127.0.0.1:{port}/")
        assert target.connections == (cell.connections,)
        assert "{" not in target.url


@pytest.mark.parametrize("peer", [name for name, peer in PEERS.items() if peer.environment])
def test_a_server_runs_in_its_environment_with_the_model(peer: str, models: dict[str, Served], tmp_path: Path) -> None:
    started, _ = subject(peer, models["iris-onnx"], tmp_path)
    assert started.command[0].startswith("/env/bin/")
    assert started.environment["PATH"].startswith("/env/bin:")
    assert started.environment["MODEL"] == str(models["iris-onnx"].artefact)
    written = "".join(path.read_text() for path in tmp_path.glob("*.[jy][sa]*"))
    assert str(GRPC_PORT if peer == "grpc-aio" else PORT) in " ".join(started.command) + written


def test_our_server_trusts_the_joblib_and_has_its_defaults_otherwise(models: dict[str, Served], tmp_path: Path) -> None:
    subject(OURS, models["iris"], tmp_path)
    spec = yaml.safe_load((tmp_path / "serve_config" / "models" / "iris.yaml").read_text())
    assert ModelSpec.model_validate(spec).trusted
    assert spec.keys() == {"name", "trusted"}


def test_our_server_is_also_measured_with_a_process_for_each_core(models: dict[str, Served], tmp_path: Path) -> None:
    subject("modelyard-2", models["cnn"], tmp_path)
    spec = ModelSpec.model_validate(yaml.safe_load((tmp_path / "serve_config" / "models" / "cnn.yaml").read_text()))
    assert (spec.replicas.min, spec.replicas.max) == (2, 2)


@pytest.mark.parametrize(("peer", "batch"), [("mosec", "1"), ("mosec-batching", "64")])
def test_mosec_is_measured_with_and_without_batching(
    peer: str, batch: str, models: dict[str, Served], tmp_path: Path
) -> None:
    assert subject(peer, models["iris"], tmp_path)[0].environment["BATCH"] == batch


def test_mlserver_has_its_own_runtime_for_scikit_learn(models: dict[str, Served], tmp_path: Path) -> None:
    subject("mlserver", models["iris"], tmp_path)
    settings = json.loads((tmp_path / "model-settings.json").read_text())
    assert settings["implementation"] == "mlserver_sklearn.SKLearnModel"


def test_cells_of_one_row_and_of_many_have_rows_of_the_same_width(models: dict[str, Served]) -> None:
    one, many = (CELLS[name].instances(models["iris-onnx"]) for name in ("json-64", "rows-json"))
    assert (len(one), len(many)) == (1, 256)
    assert {len(row) for row in [*one, *many]} == {4}
