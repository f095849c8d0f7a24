"""The meaning of the server process's exit codes to the supervisor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.cli.exit_codes import FINE, NOT_STARTED, REFUSED, meaning_of
from modelyard.config.load import load
from modelyard.control.paths import paths_of
from modelyard.control.ports import free_ports
from modelyard.control.restart_policy import NODE_DIED


@pytest.mark.parametrize("code", [FINE, REFUSED, NODE_DIED, NOT_STARTED])
@pytest.mark.parametrize("was_up", [True, False])
def test_the_defined_exit_codes_keep_their_meaning(code: int, was_up: bool) -> None:
    assert meaning_of(code, was_up=was_up) == code


@pytest.mark.parametrize("code", [1, 2, 134, -9, -11])
def test_a_server_that_something_else_ended_is_started_again(code: int) -> None:
    """Ray's library ends the process with 1 when the raylet has died, possibly before the control loop does."""
    assert meaning_of(code, was_up=True) == NODE_DIED
    assert meaning_of(code, was_up=False) == NOT_STARTED


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder of a server, with its configuration beside it."""
    (tmp_path / "serve_config").mkdir()
    state = tmp_path / ".modelyard"
    state.mkdir()
    return state


def ended(state: Path, **environment: str) -> tuple[int, str]:
    """The exit code of the server's process and what it printed. Its input stays open, and a thread waits for the end of it."""
    config = state.parent / "serve_config"
    command = [sys.executable, "-P", "-m", "modelyard.cli.server_process", str(config), "--state", str(state)]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    try:
        assert child.stdout
        printed = child.stdout.read().decode()
        return child.wait(), printed
    finally:
        child.kill()
        child.communicate()


def test_a_server_that_rejects_its_configuration_reports_that_while_the_supervisor_runs(state: Path) -> None:
    (state.parent / "serve_config" / "server.yaml").write_text("nonsense: true")
    code, printed = ended(state)
    assert code == REFUSED, printed
    assert "unknown key 'nonsense'" in printed


def test_a_server_that_cannot_start_reports_why_and_ends_with_the_code_for_that(state: Path) -> None:
    """Not with the exit code of an abort, which means to the supervisor that Ray has died."""
    run = paths_of(load(state.parent / "serve_config", {})).run
    run.write_text("a file where the server needs a folder")
    try:
        code, printed = ended(state, MODELYARD_SERVE_PORT="1")
    finally:
        run.unlink()
    assert code == NOT_STARTED, printed
    assert "NotADirectoryError" in printed


def test_a_server_whose_process_fails_before_its_start_ends_with_pythons_own_code(state: Path) -> None:
    code, _ = ended(state, MODELYARD_SERVE_PORT="no number")
    assert code == 1
    assert "ValueError" in (state / "server.log").read_text()


def test_an_error_that_another_start_would_not_fix_ends_the_command_at_once(state: Path) -> None:
    http, grpc, metrics, edge, ray = free_ports(5)
    (state.parent / "pair.pem").write_text("no certificate")
    (state.parent / "serve_config" / "server.yaml").write_text(
        f"http: {{port: {http}}}\ngrpc: {{port: {grpc}}}\nmetrics: {{port: {metrics}, edge_port: {edge}, ray_port: {ray}}}\n"
        "tls: {certificate: pair.pem, key: pair.pem}\n"
    )
    command = [Path(sys.executable).with_name("modelyard"), "up"]
    done = subprocess.run(command, cwd=state.parent, capture_output=True, text=True, timeout=300, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 1, printed
    assert printed.count("TlsError") == 1
    assert "starting again" not in printed
