"""Plan and apply at the control socket, with files on disk and a fake Serve."""

import os
from pathlib import Path

import pytest

from modelyard.config.server_spec import ServerSpec
from modelyard.control.api import Unreadable
from modelyard.control.apply_queue import Done, RequestedApplies, RequestedApply
from modelyard.control.desired import ConfigReader, DesiredState
from modelyard.control.live_state import LiveState
from modelyard.control.loop_snapshot import LoopSnapshot
from modelyard.control.operations import FileOperations
from modelyard.control.plan import Action
from modelyard.control.rollback import Rollback
from modelyard.control.status import Running
from modelyard.repository.resolve import Resolved
from tests.unit.control.models import application, details, resolved


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


def test_a_plan_names_what_is_withheld_and_what_is_rejected(folder: Path):
    (folder / "models" / "wine.yaml").write_text("name: wine")
    result = operations(folder).plan(str(folder))
    assert result["withheld"] == ""
    assert list(result["refused"]) == ["wine"]
    assert [(each["kind"], each["model"]) for each in result["actions"]] == [("add", "churn"), ("refuse", "wine")]


def test_a_plan_that_removes_most_models_needs_a_confirmation(folder: Path):
    running = {name: details(application(resolved(name))) for name in "abcdef"}
    live = LiveState()
    live.turned(LoopSnapshot(1, 0.0, Running(running), Rollback(), (), frozenset()))
    planned = FileOperations(ConfigReader(folder, os.environ), live, RequestedApplies(), ServerSpec())
    assert "(a, b, c, d, e and 1 more)" in planned.plan(str(folder))["withheld"]


def test_an_apply_returns_what_the_reconciler_did(folder: Path):
    taken: list[RequestedApply] = []

    def wake() -> None:
        request = requested.take()
        assert request is not None
        taken.append(request)
        request.done.set_result(Done((Action("add", "churn", "version 1"),), 7))

    requested = RequestedApplies(wake)
    result = operations(folder, requested).apply(str(folder), allow_removals=True)
    assert result == {"actions": [{"kind": "add", "model": "churn", "why": "version 1"}], "refused": {}, "turn": 7}
    (request,) = taken
    assert request.allow_removals
    assert [model.spec.name for model in request.desired.models if isinstance(model, Resolved)] == ["churn"]


def test_before_the_first_observation_of_serve_nothing_is_applied(folder: Path):
    with pytest.raises(ConnectionError, match="not observed Serve yet"):
        operations(folder, up=False).apply(str(folder), allow_removals=False)


def test_an_apply_waits_a_minute_for_the_reconciler(folder: Path):
    class Requests(RequestedApplies):
        def request(self, desired: DesiredState, **options: object) -> Done:
            seen.append(options)
            return Done((), 1)

    seen: list[dict[str, object]] = []
    operations(folder, Requests()).apply(str(folder), allow_removals=False)
    assert seen[0]["timeout_s"] == 60.0
