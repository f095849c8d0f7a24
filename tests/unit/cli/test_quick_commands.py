"""`status`, `top`, `plan` and `apply` use the running server's socket, and import nothing that takes long."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.reload import reload
from modelyard.control import control_socket
from modelyard.control.api import ControlApi
from modelyard.control.control_server import ControlServer
from modelyard.control.live_state import LiveState
from modelyard.control.plan import NeedsConfirmation
from tests.unit.cli.project_folder import ProjectFolder
from tests.unit.control.test_control_api import turn

SLOW = {"yaml", "ray", "numpy", "sklearn", "scipy", "pandas", "onnxruntime", "pyarrow", "aiohttp", "grpc"}
SLOW_OF_OURS = {"modelyard.config.model_spec", "modelyard.config.load", "modelyard.control.applications"}


class Up:
    """A fake of a running server."""

    def __init__(self) -> None:
        self.actions = [{"kind": "add", "model": "d", "why": "version 1 (ab)"}]
        self.refused: dict[str, str] = {}
        self.withheld = ""
        self.applied: list[str] = []

    def plan(self, folder: str) -> dict[str, Any]:
        return {"actions": self.actions, "withheld": self.withheld, "refused": self.refused}

    def apply(self, folder: str, *, allow_removals: bool) -> dict[str, Any]:
        if self.withheld and not allow_removals:
            raise NeedsConfirmation(self.withheld)
        self.applied.append(folder)
        return {"actions": self.actions, "refused": self.refused, "turn": 0}


@pytest.fixture
def live() -> LiveState:
    live = LiveState(now=lambda: 0.0)
    live.started([], "", "")
    live.turned(turn())
    return live


@pytest.fixture
def up(project: ProjectFolder, live: LiveState) -> Iterator[Up]:
    state = project.root / ".modelyard"
    state.mkdir()
    api = ControlApi(live)
    api.operations = up = Up()
    with control_socket.listen(state) as listener:
        serving = ControlServer(listener, api.respond)
        serving.start()
        yield up
        serving.stop()


@pytest.mark.usefixtures("up")
@pytest.mark.parametrize("arguments", [["status"], ["status", "-o", "json"], ["top", "-n", "1"], ["plan"], ["apply"]])
def test_they_import_nothing_that_takes_long(project: ProjectFolder, arguments: list[str]):
    program = "from modelyard.cli.main import main; main()"
    command = [sys.executable, "-X", "importtime", "-c", program, *arguments, "-c", str(project.config)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    imported = {*re.findall(r"^import time:.*\| +([\w.]+)$", done.stderr, re.M)}
    assert "modelyard.cli.control_client" in imported
    assert imported & SLOW_OF_OURS == set()
    assert {name.partition(".")[0] for name in imported} & SLOW == set()


@pytest.mark.usefixtures("up")
def test_status_shows_the_servers_models(project: ProjectFolder):
    done = project.run("status")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[1].split()[:2] == ["churn", "READY"]
    (model,) = project.json("status")["models"]
    assert (model["name"], model["traffic"]) == ("churn", None)
    assert project.run("status", "-o", "wide").stdout.splitlines()[1].split()[0] == "churn"


@pytest.mark.usefixtures("up")
def test_status_shows_problems_besides_the_models_and_fails(project: ProjectFolder, live: LiveState):
    live.turned(turn(2, notices={"configuration": "the configuration has mistakes: models/a.yaml:1: unknown key"}))
    done = project.run("status")
    assert done.exit_code == 1
    assert "models/a.yaml:1: unknown key" in done.stderr


@pytest.mark.usefixtures("up")
def test_status_of_a_server_that_starts_shows_what_it_waits_for(project: ProjectFolder, live: LiveState):
    live.turn = None
    live.down("Ray died under the server: starting again in 4 s")
    done = project.run("status")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "starting again in 4 s" in done.stderr


def test_status_at_80_columns_has_a_line_a_model(
    project: ProjectFolder, live: LiveState, up: Up, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    live.turned(turn(2, name="a-model-with-a-name-as-long-as-a-name-may-be-in-this-server-v2"))
    lines = project.run("status").stdout.splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80


def test_a_plan_shows_what_is_withheld(project: ProjectFolder, up: Up):
    done = project.run("plan", "--exit-code")
    assert (done.exit_code, done.stdout) == (2, "+ add d: version 1 (ab)\n")
    up.withheld = "the folder models is missing"
    assert "--allow-removals" in project.run("plan").stderr
    assert project.json("plan") == {"actions": up.actions, "withheld": up.withheld}


def test_an_apply_prints_what_it_did_and_its_exit_code_gives_the_kind_of_failure(project: ProjectFolder, up: Up):
    done = project.run("apply", "--wait")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "+ add d: version 1 (ab)"
    assert "churn" in done.stdout
    up.refused = {"d": "its version 1 is broken"}
    assert project.run("apply").exit_code == 1
    up.refused, up.withheld = {}, "the folder models is missing"
    done = project.run("apply")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "confirm with --allow-removals" in done.stderr
    assert project.run("apply", "--allow-removals").exit_code == 0


@pytest.mark.parametrize("command", ["status", "plan", "apply", "top"])
def test_without_a_server_they_report_that_none_runs_here(project: ProjectFolder, command: str):
    project.model("churn")
    project.artefact("churn")
    done = project.run(command)
    assert done.exit_code == 1
    assert f"no server of {project.config} runs here; start it with `modelyard up`" in done.stderr


def test_json_is_what_programs_read(project: ProjectFolder, up: Up):
    result = json.loads(project.run("status", "-o", "json").stdout)
    assert result["server"]["phase"] == "serving"
    assert {"name", "state", "versions", "digest", "runtime", "replicas", "replicas_wanted", "url", "reason"} <= {
        *result["models"][0]
    }


def test_a_service_managers_reload_applies_the_files(
    project: ProjectFolder, up: Up, capsys: pytest.CaptureFixture[str]
):
    reload(project.root / ".modelyard", project.config)
    assert up.applied == [str(project.config)]
    assert capsys.readouterr().err == ""


def test_a_reload_reports_why_it_changes_nothing(project: ProjectFolder, up: Up, capsys: pytest.CaptureFixture[str]):
    up.withheld = "most models would be removed"
    reload(project.root / ".modelyard", project.config)
    assert up.applied == []
    assert capsys.readouterr().err == "no changes applied: most models would be removed\n"


def test_a_reload_without_a_server_ends_nothing(project: ProjectFolder, capsys: pytest.CaptureFixture[str]):
    reload(project.root / ".modelyard", project.config)
    assert "the files were not applied" in capsys.readouterr().err
