import json
from pathlib import Path

import pytest
import yaml

from benchmarks.artefacts import iris_as_onnx
from benchmarks.farm import EXPECTED, ROW
from benchmarks.machine import cpu_model
from benchmarks.subjects import SUBJECTS, Artefacts, environment
from benchmarks.wrk import SCRIPT
from deployments.spec.model import ModelSpec
from deployments.spec.server import ServerSpec

ARTEFACTS = Artefacts(onnx=Path("/models/onnx"), sklearn=Path("/models/sklearn"), own_predict=Path("/models/own"))


@pytest.mark.parametrize(
    ("name", "repository", "max_size"),
    [
        ("modelyard", "/models/onnx", 64),
        ("sklearn", "/models/sklearn", 64),
        ("sklearn-unbatched", "/models/sklearn", 1),
        ("sklearn-own-predict", "/models/own", 1),
    ],
)
def test_our_server_is_configured_for_the_artefact_and_batching_it_stands_for(
    name: str, repository: str, max_size: int, tmp_path: Path
) -> None:
    subject = SUBJECTS[name](tmp_path, 18000, ARTEFACTS)
    config = tmp_path / "serve_config"
    server = ServerSpec.model_validate(yaml.safe_load((config / "server.yaml").read_text()))
    model = ModelSpec.model_validate(yaml.safe_load((config / "models" / "iris.yaml").read_text()))
    assert (server.http.port, server.repository.path, server.state) == (18000, repository, str(tmp_path / "state"))
    assert (model.name, model.batching.max_size) == ("iris", max_size)
    assert subject.command[1:] == ("up", "--config", str(config))
    assert subject.url == "http://127.0.0.1:18000/models/iris/predict"


def test_documented_serve_listens_on_its_port_and_starts_a_ray_of_its_own(tmp_path: Path) -> None:
    subject = SUBJECTS["ray-serve"](tmp_path, 18000, ARTEFACTS)
    config = yaml.safe_load((tmp_path / "serve.yaml").read_text())
    assert config["http_options"] == {"port": 18000}
    assert config["applications"][0]["args"] == {"model": "/models/onnx/iris/1/model.onnx"}
    assert subject.command[1:4] == ("run", "--address", "local")
    assert subject.environment["RAY_TMPDIR"] == str(tmp_path)


def test_ray_settings_of_the_shell_reach_no_subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_ENABLE_HA_PROXY", "1")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    passed = environment(SUBJECTS["ray-serve"](tmp_path, 18000, ARTEFACTS))
    assert {name for name in passed if name.startswith("RAY_")} == {"RAY_USAGE_STATS_ENABLED", "RAY_TMPDIR"}


def test_wrk_sends_the_row_that_the_answer_is_checked_for() -> None:
    (body,) = [line for line in SCRIPT.read_text().splitlines() if line.startswith("wrk.body")]
    assert json.loads(body.partition("= ")[2].strip("'")) == ROW


def test_the_onnx_model_gives_the_expected_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.onnx").write_bytes(iris_as_onnx().content)
    monkeypatch.setenv("IRIS_ONNX", str(tmp_path / "model.onnx"))
    from benchmarks.rivals.plain_uvicorn import app

    answer = app.predict(ROW["instances"])
    assert answer["predictions"] == EXPECTED
    assert 0.9 < answer["confidences"][0] <= 1


def test_the_processor_is_named_where_the_kernel_names_it() -> None:
    assert (
        cpu_model("processor\t: 0\nmodel name\t: AMD EPYC 7R13\nflags\t: x\nmodel name\t: again\n") == "AMD EPYC 7R13"
    )
    assert cpu_model("processor\t: 0\nCPU part\t: 0xd0c\n") != ""
