"""Starts in unusual places and with unusual limits: the server starts, or ends with an error that gives the reason."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.models import ECHO
from tests.serve.project import Project, Server

NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
FEW = 1024
"""The default of some systems."""
LEFT = ("last-good.json", "running.json", "events.jsonl", "deaths.jsonl", "token", "lock")
ASK = {"instances": [4]}


@pytest.fixture
def root() -> Iterator[Path]:
    """Not below pytest's own folder, which only root may read."""
    root = Path(tempfile.mkdtemp(prefix="model yard "))
    yield root
    shutil.rmtree(root, ignore_errors=True)


def project_in(root: Path) -> Project:
    project = Project(root, "ray: {cpus: 8}\n")
    project.add_python("echo", ECHO)
    project.configure("echo", "runtime: python:model:Model\ntrusted: true\n")
    return project


def as_other_user(root: Path) -> tuple[str, ...]:
    """A command prefix that runs another command as a user who is not root and owns this folder; () if that is impossible."""
    tried = [
        *AS_NOBODY,
        "sh",
        "-c",
        '"$0" -c "import modelyard"',
        sys.executable,
    ]  # the first user may have more rights
    if (
        os.getuid() != 0
        or not shutil.which("setpriv")
        or subprocess.run(tried, check=False, capture_output=True).returncode
    ):
        return ()
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return AS_NOBODY


def test_a_server_of_any_user_starts_in_a_path_with_a_space_over_ipv6_after_a_power_cut(root: Path) -> None:
    project = project_in(root)
    yaml = root / "serve_config" / "server.yaml"
    yaml.write_text(yaml.read_text().replace("http: {", "http: {host: '::1', "))
    state = root / ".modelyard"
    state.mkdir(mode=0o700)
    for number, name in enumerate(LEFT):
        (state / name).write_text('{"half": [1, ' if number % 2 and name != "token" else "")
    server = Server(project, {"HOME": str(root)}, before=as_other_user(root), host="[::1]")
    try:
        server.wait_up()
        server.wait_for(lambda: server.responds("echo", ASK), what="the edge")
        assert server.predict("echo", ASK).json()["predictions"] == [8.0]
        assert server.command("status").returncode == 0
        assert len((state / "token").read_text()) == 64
        assert "warning" not in server.printed()
    finally:
        server.stop()
    assert server.process.returncode == 0


def test_a_server_starts_with_a_low_limit_of_open_files_and_accepts_fewer_clients(root: Path) -> None:
    """HAProxy does not start if it may open fewer files than its connections need."""
    server = Server(project_in(root), before=("prlimit", f"--nofile={FEW}:{FEW}"))
    try:
        server.wait_up()
        server.wait_for(lambda: server.responds("echo", ASK), what="the edge")
        assert server.predict("echo", ASK).json()["predictions"] == [8.0]
    finally:
        server.stop()
