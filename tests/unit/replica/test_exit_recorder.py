"""What is recorded when a process ends, with real processes."""

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
recorder = ExitRecorder(ReplicaFiles(Path(sys.argv[1]), "iris", "a"))
recorder.install()
"""


@pytest.fixture
def files(tmp_path: Path) -> ReplicaFiles:
    return ReplicaFiles(tmp_path, "iris", "a")


def end(files: ReplicaFiles, code: str) -> int:
    """The exit code of a process that installs the recorder and then runs this code."""
    program = PROGRAM + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program, str(files.folder)], capture_output=True, timeout=60, check=False
    ).returncode


def test_an_exit_code_is_recorded_with_its_location(files: ReplicaFiles):
    assert end(files, "os._exit(3)") == 3
    record = files.read_exit()
    assert record is not None
    assert (record.reason, record.detail) == ("exit", "exit code 3, os._exit in <string>:8")
    assert record.thread.startswith("0x0000")


def test_the_end_of_a_forked_process_is_not_recorded(files: ReplicaFiles):
    assert end(files, "if not (child := os.fork()):\n    os._exit(4)\nos.waitpid(child, 0)") == 0
    assert files.read_exit() is None


@pytest.mark.parametrize(
    ("number", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (7, "SIGBUS"), (8, "SIGFPE"), (4, "SIGILL")]
)
def test_a_fatal_signal_is_recorded_with_the_stack(files: ReplicaFiles, number: int, name: str):
    assert end(files, f"os.kill(os.getpid(), {number})") == -number
    fatal = files.read_fatal()
    assert (found := signal_of(fatal)) is not None
    assert found.name == name
    assert "<string>" in fatal


@pytest.mark.parametrize("change", ["disable()", "enable()"])
def test_a_fatal_signal_is_recorded_although_a_model_has_changed_the_handler(files: ReplicaFiles, change: str):
    code = f"import faulthandler; faulthandler.{change}; recorder.record_signals(); os.kill(os.getpid(), 11)"
    assert end(files, code) == -11
    assert signal_of(files.read_fatal()) is not None


def test_the_timer_of_the_watchdog_writes_the_stacks(files: ReplicaFiles):
    assert end(files, "recorder.end_later(0.1)\ntime.sleep(30)") == 1
    assert files.read_fatal().startswith("Timeout (")


def test_the_watchdog_ends_the_process_with_its_code(files: ReplicaFiles):
    ended: list[int] = []
    ExitRecorder(files, ended.append).stuck(70)
    assert ended == [70]
    assert files.read_exit() == ExitRecord("watchdog", "exit code 70: a model call blocked the event loop")


def test_a_health_check_that_passes_again_removes_the_record(files: ReplicaFiles):
    recorder = ExitRecorder(files)
    recorder.record_health("a call of version 1 has not returned for 31 s")
    assert files.read_exit() == ExitRecord("health_check", "a call of version 1 has not returned for 31 s")
    recorder.record_health("")
    assert files.read_exit() is None


def test_a_stopped_replica_records_it_and_leaves_no_empty_file(files: ReplicaFiles):
    assert end(files, "recorder.stopped()") == 0
    assert files.read_exit() == ExitRecord("stopped", "")
    assert not files.fatal.exists()


def test_a_replica_stopped_for_its_health_check_keeps_that_record(files: ReplicaFiles):
    recorder = ExitRecorder(files)
    recorder.record_health("a call of version 1 has not returned for 31 s")
    recorder.stopped()
    assert files.read_exit() == ExitRecord("health_check", "a call of version 1 has not returned for 31 s")


def test_a_full_disk_does_not_stop_a_replica(tmp_path: Path):
    (tmp_path / "iris").write_text("a file where the folder should be")
    assert end(ReplicaFiles(tmp_path, "iris", "a"), "recorder.stopped()\nos._exit(5)") == 5
