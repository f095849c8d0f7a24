"""A model that ends its process twice is not loaded by the next replica, with real processes."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from modelyard.replica.quarantine import MAX_DEATHS, WINDOW_S, Quarantine
from modelyard.replica_files.paths import ExitRecord, ReplicaFiles

PROGRAM = """
import ctypes, os, signal, sys, threading
from pathlib import Path
from modelyard.inference.running_requests import RUNNING, loading
from modelyard.replica.exit_recorder import ExitRecorder
from modelyard.replica_files.paths import ReplicaFiles
files = ReplicaFiles(Path(sys.argv[1]), "pool", sys.argv[2])
ExitRecorder(files).install()
RUNNING.open(files.running)
begun = threading.Event()
def innocent():
    RUNNING.begin((), "innocent")
    begun.set()
    threading.Event().wait()
threading.Thread(target=innocent, daemon=True).start()
begun.wait()
"""
SEGFAULT = 'RUNNING.begin((), "bad")\nctypes.string_at(0)'
OS_EXIT = 'RUNNING.begin((), "bad")\nos._exit(3)'
KILLED = 'RUNNING.begin((), "bad")\nos.kill(os.getpid(), signal.SIGKILL)'
LOADING = 'with loading("bad"):\n    ctypes.string_at(0)'
BETWEEN = 'RUNNING.begin((), "bad")\nRUNNING.end()\nctypes.string_at(0)'
ARGUMENTS = {"bad": "1", "innocent": "1"}


def end(folder: Path, replica: str, code: str) -> None:
    program = PROGRAM + textwrap.dedent(code)
    subprocess.run([sys.executable, "-c", program, str(folder), replica], capture_output=True, timeout=60, check=False)


def next_replica(folder: Path, replica: str, later_s: float = 0.0, **arguments: str) -> Quarantine:
    """Of a replica that starts now."""

    quarantine = Quarantine(ReplicaFiles(folder, "pool", replica), lambda: time.time() + later_s)
    quarantine.read()
    quarantine.bind({**ARGUMENTS, **arguments})
    quarantine.write()
    return quarantine


@pytest.mark.parametrize("code", [SEGFAULT, OS_EXIT, LOADING])
def test_the_model_that_ended_the_process_twice_is_in_quarantine_alone(tmp_path: Path, code: str) -> None:
    end(tmp_path, "a", code)
    assert next_replica(tmp_path, "b").reason("bad", "1") == ""
    end(tmp_path, "b", code)
    found = next_replica(tmp_path, "c")
    assert found.reason("bad", "1") == (
        "in quarantine: the process of its pool ended 2 times within an hour while it called or loaded this model. "
        "To load it again, change its file or its artefact"
    )
    assert found.reason("innocent", "1") == ""
    assert found.reason("bad", "2") == "", "its arguments have changed"


def test_a_killed_process_counts_in_part_for_each_model_that_ran(tmp_path: Path) -> None:
    for replica in ("a", "b", "c"):
        end(tmp_path, replica, KILLED)
        found = next_replica(tmp_path, f"{replica}-next")
        assert [found.reason(name, "1") for name in ARGUMENTS] == ["", ""]
    end(tmp_path, "d", KILLED)
    assert "ended 4 times" in next_replica(tmp_path, "e").reason("bad", "1")


def test_a_model_that_ran_alone_when_the_process_was_killed_twice_is_in_quarantine(tmp_path: Path) -> None:
    for replica in ("a", "b"):
        end(tmp_path, replica, KILLED.replace("bad", "innocent"))
    assert next_replica(tmp_path, "c").reason("innocent", "1")


def test_a_process_that_ends_while_no_model_runs_in_that_thread_counts_for_none(tmp_path: Path) -> None:
    for replica in ("a", "b"):
        end(tmp_path, replica, BETWEEN)
    found = next_replica(tmp_path, "c")
    assert [found.reason(name, "1") for name in ARGUMENTS] == ["", ""]


def test_deaths_are_counted_once_and_over_replicas_whose_files_are_deleted(tmp_path: Path) -> None:
    end(tmp_path, "a", SEGFAULT)
    for replica in ("b", "c"):
        assert next_replica(tmp_path, replica).reason("bad", "1") == ""
    (tmp_path / "pool" / "a.running").unlink()
    end(tmp_path, "c", SEGFAULT)
    assert next_replica(tmp_path, "d").reason("bad", "1")


def test_deaths_of_other_arguments_and_those_that_are_long_ago_do_not_count(tmp_path: Path) -> None:
    end(tmp_path, "a", SEGFAULT)
    next_replica(tmp_path, "b")
    end(tmp_path, "b", SEGFAULT)
    assert next_replica(tmp_path, "c", bad="2").reason("bad", "2") == ""
    assert next_replica(tmp_path, "d", later_s=WINDOW_S).reason("bad", "1") == ""
    assert MAX_DEATHS == 2


def test_a_replica_that_serve_has_ended_counts_for_none(tmp_path: Path) -> None:
    for replica in ("a", "b"):
        end(tmp_path, replica, KILLED)
        ReplicaFiles(tmp_path, "pool", replica).write_exit(ExitRecord("health_check", "8 calls hang"))
    assert next_replica(tmp_path, "c").reason("bad", "1") == ""


def test_a_replica_that_lives_counts_for_none(tmp_path: Path) -> None:
    code = PROGRAM + 'RUNNING.begin((), "bad")\nprint("up", flush=True)\nsys.stdin.read()'
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        quarantine = Quarantine(ReplicaFiles(tmp_path, "pool", "b"))
        quarantine.read()
        assert quarantine._deaths == []
        process.kill()
        process.wait()
    quarantine.read()
    assert {death.model for death in quarantine._deaths} == {"bad", "innocent"}


def test_files_that_cannot_be_read_or_written_count_as_missing(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "quarantine.json").write_text("[{")
    (tmp_path / "pool" / "a.running").mkdir()
    assert next_replica(tmp_path, "b").reason("bad", "1") == ""
    assert next_replica(tmp_path / "nowhere", "b").reason("bad", "1") == ""


def test_files_that_are_too_old_to_count_are_deleted(tmp_path: Path) -> None:
    end(tmp_path, "a", SEGFAULT)
    running = tmp_path / "pool" / "a.running"
    next_replica(tmp_path, "b", later_s=WINDOW_S - 60)
    assert running.exists()
    next_replica(tmp_path, "c", later_s=WINDOW_S + 60)
    assert not running.exists()
    assert (tmp_path / "pool" / "a.fatal").exists(), "its log has the stack as long as the log is kept"


def test_the_old_file_of_a_process_that_lives_is_not_deleted(tmp_path: Path) -> None:
    code = PROGRAM + 'print("up", flush=True)\nsys.stdin.read()'
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        next_replica(tmp_path, "b", later_s=2 * WINDOW_S)
        assert (tmp_path / "pool" / "a.running").exists()
        process.kill()


@pytest.mark.parametrize("content", [["a.running"], ["a.running", "a.fatal", "a.exit"]])
def test_files_that_another_replica_deletes_meanwhile_count_as_missing(tmp_path: Path, content: list[str]) -> None:
    end(tmp_path, "a", OS_EXIT)

    def now() -> float:  # read() has listed the files when it compares their age
        for name in content:
            (tmp_path / "pool" / name).unlink(missing_ok=True)
        return time.time()

    quarantine = Quarantine(ReplicaFiles(tmp_path, "pool", "b"), now)
    quarantine.read()
    assert quarantine._deaths == []


def test_a_replica_that_started_earlier_keeps_what_another_one_has_recorded_since(tmp_path: Path) -> None:
    """And the arguments that the model had then: a version that is fixed is not to blame."""
    first = next_replica(tmp_path, "first")
    for replica in ("a", "b"):
        end(tmp_path, replica, SEGFAULT)
    assert next_replica(tmp_path, "c").reason("bad", "1")
    first.bind({"bad": "2"})
    first.write()
    found = next_replica(tmp_path, "d", bad="2")
    assert found.reason("bad", "1")
    assert not found.reason("bad", "2")
