"""A model's logs, read from files in the form that replicas write."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelyard.cli.log_reader import Follower, replica_logs
from modelyard.config.load import Config
from modelyard.config.server_spec import ServerSpec
from modelyard.replica_files.log_records import LogRecord, append_record
from tests.unit.cli.project_folder import ProjectFolder

AT = 1_796_000_000.0


class Logs:
    """The logs of a server's replicas."""

    def __init__(self, root: Path) -> None:
        self.config = Config(ServerSpec(), (), {}, root)
        self.folder = root / ".modelyard" / "replicas"

    def path(self, model: str, replica: str) -> Path:
        return self.folder / model / f"{replica}.jsonl"

    def write(
        self,
        model: str,
        replica: str,
        *messages: str,
        at: float = AT,
        logger: str = "model",
        level: str = "INFO",
        **more: object,
    ) -> None:
        for message in messages:
            append_record(self.path(model, replica), LogRecord(at, level, logger, message, **more))  # type: ignore[arg-type]
        os.utime(self.path(model, replica), (at, at))

    def names(self, model: str, **wanted: object) -> list[str]:
        return [files.replica for files in replica_logs(self.config, model, **wanted)]  # type: ignore[arg-type]


@pytest.fixture
def logs(project: ProjectFolder) -> Logs:
    return Logs(project.root)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A running replica has its log open."""
    with path.open("ab"):
        yield


def texts(follower: Follower) -> list[str]:
    return [line.message for line in follower.new()]


def test_a_models_replicas_come_oldest_first_and_other_models_are_left_out(logs: Logs):
    for name, at in (("b", AT + 2), ("a", AT + 3), ("c", AT + 1)):
        logs.write("churn", name, "hello", at=at)
    logs.write("churn_model_b", "x", "hello")
    assert logs.names("churn") == ["c", "b", "a"]
    assert logs.names("*") == logs.names("c[h]urn") == []


def test_a_traceback_has_its_lines_and_each_has_the_requests_id(logs: Logs, project: ProjectFolder):
    trace = 'Traceback (most recent call last):\n  File "/repo/churn/1/model.py", line 3, in predict\nValueError: no\n'
    logs.write("churn", "a", "the model failed", level="ERROR", requests=("req-1",), traceback=trace)
    assert project.run("logs", "churn").stdout.splitlines() == [
        "==> churn a <==",
        "2026-11-30T00:53:20.000Z ERROR    [req-1] model: the model failed",
        "    [req-1] Traceback (most recent call last):",
        '    [req-1]   File "/repo/churn/1/model.py", line 3, in predict',
        "    [req-1] ValueError: no",
    ]


def test_rays_records_are_shown_only_with_the_option_and_its_warnings_always(logs: Logs, project: ProjectFolder):
    logs.write("churn", "a", "Started initializing replica.", logger="ray.serve")
    logs.write("churn", "a", "cannot reach the controller", logger="ray.serve", level="WARNING")
    logs.write("churn", "a", "hello [not markup]")
    shown = project.run("logs", "churn").stdout
    assert "Started" not in shown
    assert "cannot reach the controller" in shown
    assert "model: hello [not markup]" in shown
    assert "Started" in project.run("logs", "churn", "--ray").stdout


def test_since_leaves_out_what_is_older_and_n_counts_records_of_each_replica(logs: Logs, project: ProjectFolder):
    now = time.time()
    logs.write("churn", "a", "old", at=now - 900)
    logs.write("churn", "a", "one", "two\nlines", "three", at=now - 60)
    logs.write("churn", "b", "other", at=now - 30)
    assert "old" not in (shown := project.run("logs", "churn", "--since", "10m").stdout)
    assert "one" in shown
    last = project.run("logs", "churn", "-n", "2").stdout
    assert "one" not in last
    assert "two" in last
    assert "    lines" in last
    assert "other" in last


def test_one_replica_is_chosen_by_the_beginning_of_its_id(logs: Logs, project: ProjectFolder):
    logs.write("churn", "x4k2", "mine")
    logs.write("churn", "y5k2", "other")
    shown = project.run("logs", "churn", "--replica", "x4").stdout
    assert "mine" in shown
    assert "other" not in shown
    none = project.run("logs", "churn", "--replica", "z")
    assert none.exit_code == 1
    assert "no replica of 'churn' with an id that starts with 'z'" in none.stderr


def test_the_previous_replica_is_the_last_that_has_ended(logs: Logs, project: ProjectFolder):
    for name, at in (("older", AT), ("died", AT + 1), ("runs", AT + 2)):
        logs.write("churn", name, f"of {name}", at=at)
    with held(logs.path("churn", "runs")):
        assert "of died" in (shown := project.run("logs", "churn", "--previous").stdout)
        assert "of runs" not in shown
        assert "of older" not in shown
    with held(logs.path("churn", "runs")), held(logs.path("churn", "older")), held(logs.path("churn", "died")):
        none = project.run("logs", "churn", "--previous")
    assert none.exit_code == 1
    assert "no ended replica of 'churn' has a log" in none.stderr


def test_on_a_cluster_an_old_run_of_this_machine_is_not_shown(logs: Logs, project: ProjectFolder):
    logs.write("churn", "a", "of another time")
    project.write("server.yaml", "ray: {address: 'head.example:6379'}")
    done = project.run("logs", "churn")
    assert done.exit_code == 1
    assert done.stdout == ""
    result = done.stderr.replace("\n", " ")
    assert "the cluster at head.example:6379" in result
    assert "cluster-replicas/churn on the nodes of the cluster" in result


def test_a_rotated_log_is_read_too(logs: Logs, project: ProjectFolder):
    logs.write("churn", "a", "first")
    path = logs.path("churn", "a")
    path.rename(path.with_suffix(".jsonl.1"))
    logs.write("churn", "a", "second")
    assert [line.rpartition(" ")[2] for line in project.run("logs", "churn").stdout.splitlines()[1:]] == [
        "first",
        "second",
    ]


def test_what_is_no_record_is_passed_over(logs: Logs, project: ProjectFolder):
    logs.write("churn", "a", "one")
    with logs.path("churn", "a").open("ab") as file:
        file.write(b"caf\xe9\n[1]\n{}\nnull\n")
    logs.write("churn", "a", "two")
    assert len(project.run("logs", "churn").stdout.splitlines()) == 3


def test_following_shows_what_is_new_by_whole_records(logs: Logs):
    logs.write("churn", "a", "old")
    follower = Follower(logs.config, "churn")
    assert texts(follower) == []
    encoded = LogRecord(AT, "INFO", "model", "two").to_json()
    logs.write("churn", "a", "one")
    with logs.path("churn", "a").open("ab") as file:
        file.write(encoded[:10])
    assert texts(follower) == ["one"]
    with logs.path("churn", "a").open("ab") as file:
        file.write(encoded[10:])
    assert texts(follower) == ["two"]
    assert texts(follower) == []


def test_following_finds_replicas_that_start_later(logs: Logs):
    follower = Follower(logs.config, "churn")
    logs.write("churn", "a", "hello")
    assert texts(follower) == ["hello"]


def test_following_starts_again_with_a_file_that_was_started_again(logs: Logs):
    logs.write("churn", "a", "a long line of an old file")
    follower = Follower(logs.config, "churn")
    logs.path("churn", "a").unlink()
    logs.write("churn", "a", "new")
    assert texts(follower) == ["new"]


def test_a_model_of_a_pool_has_the_logs_of_its_pool(logs: Logs, project: ProjectFolder):
    (project.config / "pools").mkdir()
    project.write("pools/small.yaml", "name: small\nmemory: 1GiB\n")
    project.model("churn", "pool: small\n")
    project.model("alone")
    logs.write("_pool.small", "a", "hello")
    logs.write("alone", "b", "another")
    assert project.run("logs", "churn").stdout.splitlines()[0] == "==> _pool.small a <=="
    assert project.run("logs", "alone").stdout.splitlines()[0] == "==> alone b <=="
