"""Plan and apply at the control socket, with files on disk and a fake Serve."""

import os
from pathlib import Path

import pytest

from modelyard.config.server_spec import ServerSpec
from modelyard.control.api import Unreadable
from modelyard.control.apply_queue import RequestedApplies
from modelyard.control.desired import ConfigReader
from modelyard.control.live_state import LiveState
from modelyard.control.loop_snapshot import LoopSnapshot
from modelyard.control.operations import FileOperations
from modelyard.control.rollback import Rollback
from modelyard.control.status import Running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = tmp_path / "serve_config"
    (config / "models").mkdir(parents=True)
    (config / "server.yaml").write_text("repository: {settle_s: 0}")
    (config / "models" / "churn.yaml").write_text("name: churn")
    (tmp_path / "model_repository" / "churn" / "1").mkdir(parents=True)
    (tmp_path / "model_repository" / "churn" / "1" / "model.onnx").write_bytes(b"weights")
    return config


def operations(folder: Path, requested: RequestedApplies | None = None, *, up: bool = True) -> FileOperations:
    live = LiveState()
    if up:
        live.turned(LoopSnapshot(1, 0.0, Running({}), Rollback(), (), frozenset()))
    return FileOperations(ConfigReader(folder, os.environ), live, requested or RequestedApplies(), ServerSpec())


def test_a_plan_reads_the_files_as_they_are_now(folder: Path):
    (action,) = operations(folder).plan(str(folder))["actions"]
    assert (action["kind"], action["model"]) == ("add", "churn")
    (folder / "models" / "churn.yaml").write_text("name: churn\nruntme: onnx\n")
    with pytest.raises(Unreadable) as raised:
        operations(folder).plan(str(folder))
    assert raised.value.args[0][0]["line"] == 2


def test_a_plan_of_another_folder_is_possible(folder: Path, tmp_path: Path):
    other = tmp_path / "other"
    (other / "models").mkdir(parents=True)
    (other / "server.yaml").write_text("repository: {settle_s: 0}")
    assert operations(folder).plan(str(other))["actions"] == []


def test_an_apply_that_the_reconciler_does_not_start_in_time_is_never_applied(folder: Path):
    requested = RequestedApplies()
    (desired,) = [ConfigReader(folder, os.environ).read_settled()]
    with pytest.raises(TimeoutError, match="did not start the apply"):
        requested.request(desired, allow_removals=False, read_from=0.0, timeout_s=0.01)
    assert requested.take() is None


def test_before_the_first_observation_of_serve_there_is_nothing_to_plan(folder: Path):
    with pytest.raises(ConnectionError, match="not observed Serve yet"):
        operations(folder, up=False).plan(str(folder))
