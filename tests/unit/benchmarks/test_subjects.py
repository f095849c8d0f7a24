from pathlib import Path

import pytest
import yaml

from benchmarks import request_bodies
from benchmarks.machine import cpu_model
from benchmarks.subjects import SUBJECTS, Artefacts, environment
from modelyard.config.model_spec import ModelSpec
from modelyard.config.server_spec import ServerSpec


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    models = {name: Path(f"/models/{name}") for name in ("onnx", "sklearn", "own_predict", "tensor")}
    return Artefacts(**models, requests=request_bodies.write(tmp_path_factory.mktemp("requests")))


@pytest.mark.parametrize(
    ("name", "repository", "max_size"),
    [
        ("modelyard", "/models/onnx", 64),
        ("sklearn", "/models/sklearn", 64),
        ("sklearn-unbatched", "/models/sklearn", 1),
        ("sklearn-own-predict", "/models/own_predict", 1),
    ],
)
def test_our_server_has_the_artefact_and_the_batching_of_the_subject(
    name: str, repository: str, max_size: int, tmp_path: Path, artefacts: Artefacts
) -> None:
    subject = SUBJECTS[name](tmp_path, 18000, artefacts)
    config = tmp_path / "serve_config"
    server = ServerSpec.model_validate(yaml.safe_load((config / "server.yaml").read_text()))
    model = ModelSpec.model_validate(yaml.safe_load((config / "models" / "iris.yaml").read_text()))
    assert (server.http.port, server.repository.path, server.state) == (18000, repository, str(tmp_path / "state"))
    assert (model.name, model.batching.max_size) == ("iris", max_size)
    assert subject.command[1:] == ("up", "--config", str(config))
    target = subject.targets[0]
    assert (target.name, target.url) == (name, "http://127.0.0.1:18000/models/iris/predict")


def test_grpc_is_called_on_the_configured_port(tmp_path: Path, artefacts: Artefacts) -> None:
    subject = SUBJECTS["modelyard"](tmp_path, 18000, artefacts)
    port = yaml.safe_load((tmp_path / "serve_config" / "server.yaml").read_text())["grpc"]["port"]
    (call,) = [target for target in subject.targets if target.request.grpc]
    assert call.url == f"http://127.0.0.1:{port}/inference.GRPCInferenceService/ModelInfer"
    assert call.connections == (4, 64)


def test_tensors_are_sent_in_both_forms_to_the_same_model(tmp_path: Path, artefacts: Artefacts) -> None:
    binary, as_json = SUBJECTS["tensors"](tmp_path, 18000, artefacts).targets
    assert binary.url == as_json.url == "http://127.0.0.1:18000/v2/models/tensor/infer"
    assert binary.connections == as_json.connections
    assert [path.name for path in (tmp_path / "serve_config" / "models").iterdir()] == ["tensor.yaml"]


def test_documented_serve_listens_on_its_port_and_starts_its_own_ray(tmp_path: Path, artefacts: Artefacts) -> None:
    subject = SUBJECTS["ray-serve"](tmp_path, 18000, artefacts)
    config = yaml.safe_load((tmp_path / "serve.yaml").read_text())
    assert config["http_options"] == {"port": 18000}
    assert config["applications"][0]["args"] == {"model": "/models/onnx/iris/1/model.onnx"}
    assert subject.command[1:4] == ("run", "--address", "local")
    assert subject.environment["RAY_TMPDIR"] == str(tmp_path)


def test_no_subject_gets_the_ray_settings_of_the_shell(
    tmp_path: Path, artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_SERVE_ENABLE_HA_PROXY", "1")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    passed = environment(SUBJECTS["ray-serve"](tmp_path, 18000, artefacts))
    assert {name for name in passed if name.startswith("RAY_")} == {"RAY_USAGE_STATS_ENABLED", "RAY_TMPDIR"}


def test_the_name_of_the_processor_is_read() -> None:
    assert (
        cpu_model("processor\t: 0\nmodel name\t: AMD EPYC 7R13\nflags\t: x\nmodel name\t: again\n") == "AMD EPYC 7R13"
    )
    assert cpu_model("processor\t: 0\nCPU part\t: 0xd0c\n") != ""
