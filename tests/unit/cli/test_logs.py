"""A model's logs, from files named as Ray Serve names them."""

import os
from pathlib import Path

import pytest

from deployments.cli.logs import Follower, replica_logs, tail
from deployments.cli.places import places_of
from deployments.spec.load import Config
from deployments.spec.server import ServerSpec
from tests.unit.cli.yard import Yard


class Logs:
    """The log folder of a server that has ended."""

    def __init__(self, root: Path) -> None:
        self.config = Config(ServerSpec(), (), {}, root)
        self.folder = places_of(self.config).state / "logs"
        self.folder.mkdir(parents=True)

    def write(self, name: str, text: str, *, at: int = 0) -> Path:
        path = self.folder / name
        with path.open("a") as file:
            file.write(text)
        os.utime(path, (at, at))
        return path

    def names(self, model: str) -> list[str]:
        return [path.name for path in replica_logs(self.config, model)]


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def test_a_models_replicas_come_oldest_first(logs: Logs):
    for name, at in (("b", 2), ("a", 3), ("c", 1)):
        logs.write(f"replica_churn_model_{name}.log", "", at=at)
    assert logs.names("churn") == [f"replica_churn_model_{name}.log" for name in "cba"]


def test_other_models_with_like_names_are_left_out(logs: Logs):
    for name in ("churn", "churn_model_b", "a_churn", "churnx", "ch.rn"):
        logs.write(f"replica_{name}_model_k3x9.log", "")
    logs.write("replica_churn_model_k3x9.log.1", "")
    logs.write("controller_4711.log", "")
    for name in ("churn", "churn_model_b", "ch.rn"):
        assert logs.names(name) == [f"replica_{name}_model_k3x9.log"]
    assert logs.names("*") == logs.names("c[h]urn") == []


def test_the_tail_is_the_last_lines(logs: Logs):
    path = logs.write("replica_churn_model_a.log", "".join(f"line {n}\n" for n in range(100)))
    assert tail(path, 2) == "line 98\nline 99"
    assert tail(path, 1000).startswith("line 0\n")


def test_what_is_no_utf8_is_shown_all_the_same(logs: Logs):
    path = logs.folder / "replica_churn_model_a.log"
    path.write_bytes(b"caf\xe9\n")
    assert tail(path, 1) == "caf\ufffd"


def test_following_shows_what_is_new_by_whole_lines(logs: Logs):
    logs.write("replica_churn_model_a.log", "old\n")
    follower = Follower(logs.config, "churn")
    assert follower.new() == ""
    logs.write("replica_churn_model_a.log", "one\ntw")
    assert follower.new() == "one\n"
    logs.write("replica_churn_model_a.log", "o\n")
    assert follower.new() == "two\n"
    assert follower.new() == ""


def test_following_finds_replicas_that_start_later(logs: Logs):
    follower = Follower(logs.config, "churn")
    logs.write("replica_churn_model_a.log", "hello\n")
    assert follower.new() == "hello\n"


def test_following_begins_anew_with_a_file_that_was_begun_anew(logs: Logs):
    path = logs.write("replica_churn_model_a.log", "a long line of an old file\n")
    follower = Follower(logs.config, "churn")
    path.write_text("new\n")
    assert follower.new() == "new\n"


def test_the_command_shows_each_replica_below_its_name(yard: Yard):
    yard.model("churn")
    logs = Logs(yard.root)
    logs.write("replica_churn_model_a.log", "[not markup]\nlast\n", at=1)
    logs.write("replica_churn_model_b.log", "other\n", at=2)
    assert yard.run("logs", "churn", "-n", "2").stdout == (
        "==> replica_churn_model_a.log <==\n[not markup]\nlast\n==> replica_churn_model_b.log <==\nother\n"
    )
