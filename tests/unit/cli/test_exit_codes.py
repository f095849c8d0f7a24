"""What the exit code of the server's process means to the supervisor."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.cli.exit_codes import FINE, NOT_STARTED, REFUSED, meaning_of
from modelyard.control.restart_policy import NODE_DIED


@pytest.mark.parametrize("code", [FINE, REFUSED, NODE_DIED, NOT_STARTED])
@pytest.mark.parametrize("was_up", [True, False])
def test_a_code_of_our_own_means_what_it_says(code: int, was_up: bool) -> None:
    assert meaning_of(code, was_up=was_up) == code


@pytest.mark.parametrize("code", [1, 2, 134, -9, -11])
def test_a_server_that_something_else_ended_is_started_again(code: int) -> None:
    """Ray's library ends the process with 1 when the raylet has died, and may be quicker than the control loop."""
    assert meaning_of(code, was_up=True) == NODE_DIED
    assert meaning_of(code, was_up=False) == NOT_STARTED


def test_a_server_that_refuses_its_configuration_says_so_while_the_supervisor_is_there(tmp_path: Path) -> None:
    """Its input is open, and a thread waits for the end of it."""
    (tmp_path / "serve_config").mkdir()
    (tmp_path / "serve_config" / "server.yaml").write_text("nonsense: true")
    state = tmp_path / "state"
    state.mkdir()
    command = [
        sys.executable,
        "-m",
        "modelyard.cli.server_process",
        str(tmp_path / "serve_config"),
        "--state",
        str(state),
    ]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert child.stdout
        printed = child.stdout.read().decode()
        assert child.wait() == REFUSED, printed
        assert "unknown key 'nonsense'" in printed
    finally:
        child.kill()
        child.communicate()
