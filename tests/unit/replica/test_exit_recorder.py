"""What a process leaves behind when it ends, in processes that end so."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from modelyard.replica.exit_recorder import ExitRecorder
from modelyard.replica_files.paths import ExitRecord, ReplicaFiles, signal_of

PROGRAM = """
import os, sys, time, multiprocessing
from pathlib import Path
from modelyard.replica.exit_recorder import ExitRecorder
from modelyard.replica_files.paths import ReplicaFiles
exits = ExitRecorder(ReplicaFiles(Path(sys.argv[1]), "iris", "a"))
exits.install()
"""


@pytest.fixture
def files(tmp_path: Path) -> ReplicaFiles:
    return ReplicaFiles(tmp_path, "iris", "a")


def end(files: ReplicaFiles, code: str) -> int:
    """The exit code of a process that installs it and then does this."""
    program = PROGRAM + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program, str(files.folder)], capture_output=True, timeout=60, check=False
    ).returncode


def test_an_exit_code_is_noted_with_its_place(files: ReplicaFiles):
    assert end(files, "os._exit(3)") == 3
    assert files.read_exit() == ExitRecord("exit", "exit code 3, os._exit in <string>:8")


def test_a_process_that_the_model_forks_may_end(files: ReplicaFiles):
    assert end(files, "if not (child := os.fork()):\n    os._exit(4)\nos.waitpid(child, 0)") == 0
    assert files.read_exit() is None


@pytest.mark.parametrize(
    ("number", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (7, "SIGBUS"), (8, "SIGFPE"), (4, "SIGILL")]
)
def test_a_fatal_signal_is_noted_with_the_stack(files: ReplicaFiles, number: int, name: str):
    assert end(files, f"os.kill(os.getpid(), {number})") == -number
    fatal = files.read_fatal()
    assert (found := signal_of(fatal)) is not None
    assert found.name == name
    assert "<string>" in fatal


def test_the_timer_of_the_watchdog_leaves_its_stacks(files: ReplicaFiles):
    assert end(files, "exits.end_later(0.1)\ntime.sleep(30)") == 1
    assert files.read_fatal().startswith("Timeout (")


def test_the_watchdog_ends_the_process_with_its_code(files: ReplicaFiles):
    ended: list[int] = []
    ExitRecorder(files, ended.append).stuck(70)
    assert ended == [70]
    assert files.read_exit() == ExitRecord("watchdog", "exit code 70: a call of the model held the event loop")


def test_a_health_check_that_passes_again_takes_its_word_back(files: ReplicaFiles):
    exits = ExitRecorder(files)
    exits.healthy("version 1 has been in one call for 31 s")
    assert files.read_exit() == ExitRecord("health_check", "version 1 has been in one call for 31 s")
    exits.healthy("")
    assert files.read_exit() is None


def test_a_replica_that_is_stopped_says_so_and_leaves_no_empty_file(files: ReplicaFiles):
    assert end(files, "exits.stopped()") == 0
    assert files.read_exit() == ExitRecord("stopped", "")
    assert not files.fatal.exists()


def test_a_replica_that_is_stopped_for_its_health_check_died(files: ReplicaFiles):
    exits = ExitRecorder(files)
    exits.healthy("version 1 has been in one call for 31 s")
    exits.stopped()
    assert files.read_exit() == ExitRecord("health_check", "version 1 has been in one call for 31 s")


def test_a_full_disk_keeps_nothing_from_running(tmp_path: Path):
    (tmp_path / "iris").write_text("a file where the folder should be")
    assert end(ReplicaFiles(tmp_path, "iris", "a"), "exits.stopped()\nos._exit(5)") == 5
