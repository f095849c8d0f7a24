"""`modelyard up` itself is killed: what it started ends in good order, and nothing keeps the next start from its place."""

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from modelyard.config.load import load
from modelyard.control.paths import paths_of, state_folder_lock
from tests.faults.conftest import LONG
from tests.serve.models import ECHO
from tests.serve.project import CHANGE_S, Project, Server


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "a yard", "ray: {cpus: 8}\n")  # a space in a path is no fault
    project.add_python("echo", ECHO)
    project.configure("echo", "runtime: python:model:Model\ntrusted: true\n")
    return project


def lives(pid: int) -> bool:
    """Whether it runs: nobody may be there to take leave of one that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_ended(pids: Iterable[int]) -> None:
    deadline = time.monotonic() + CHANGE_S
    while left := [pid for pid in pids if lives(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_nothing_is_left_of_a_server_whose_supervisor_was_killed(project: Project) -> None:
    server = Server(project)
    try:
        server.wait_up()
        below = server.processes()
    finally:
        server.process.kill()
        server.process.wait()
        server.http.close()
    paths = paths_of(load(project.root / "serve_config", {}))
    wait_ended(below)
    assert not paths.run.exists()
    with state_folder_lock(paths):
        pass
    if LONG:
        second = Server(project)
        try:
            second.wait_up()
            assert second.answers("echo", {"instances": [4]})
        finally:
            second.stop()
