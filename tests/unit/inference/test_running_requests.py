"""The requests whose batches run, read from the file of a killed process."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelyard.inference.pending_request import PendingRequest
from modelyard.inference.recorder import UNRECORDED, RequestContext
from modelyard.inference.running_requests import (
    SLOTS,
    RunningRequests,
    ids_of,
    read_calls,
    read_running,
    request_ids,
    working_for,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from modelyard.inference.running_requests import RUNNING
RUNNING.open(Path(sys.argv[1]))
pending_request = lambda name: SimpleNamespace(context=SimpleNamespace(request_id=name))
RUNNING.begin([pending_request("done, long id")])
RUNNING.end()
RUNNING.begin([pending_request("one"), pending_request("two")])
os.kill(os.getpid(), signal.SIGKILL)
"""


def pending_request(request_id: str) -> PendingRequest:
    context = RequestContext(UNRECORDED, 0.0, request_id, 0)
    return PendingRequest(_Request(), lambda _: None, 0.0, lambda _: None, context)  # type: ignore[arg-type]


class _Request:
    rows = 1


def test_a_killed_process_leaves_the_ids_of_its_running_batch(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.running")], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_running(tmp_path / "a.running") == ("one", "two")


def test_the_file_has_no_ids_when_no_batch_runs(tmp_path: Path):
    running = RunningRequests()
    running.open(tmp_path / "a.running")
    running.begin([pending_request("one")])
    running.end()
    assert read_running(tmp_path / "a.running") == ()
    assert read_running(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("count", [1, 64, 5000])
def test_ids_beyond_the_size_of_a_slot_are_cut_off(tmp_path: Path, count: int):
    running = RunningRequests()
    running.open(tmp_path / "a.running")
    running.begin([pending_request(f"request-{n:04}") for n in range(count)])
    found = read_running(tmp_path / "a.running")
    running.end()
    assert list(found[:1]) == ["request-0000"]
    assert len(found) == min(count, len(found))
    assert (tmp_path / "a.running").stat().st_size == 4096 * SLOTS
    assert (tmp_path / "a.running").stat().st_mode & 0o777 == 0o600


def test_the_file_has_the_models_that_are_called_and_loaded_and_their_threads(tmp_path: Path):
    running = RunningRequests()
    running.open(tmp_path / "a.running")
    running.begin([pending_request("one")], "churn")
    other = threading.Thread(target=lambda: running.begin((), "iris"))
    other.start()
    other.join()
    called, loaded = sorted(read_calls(tmp_path / "a.running"), key=lambda call: call.model)
    assert (called.model, called.request_ids) == ("churn", ("one",))
    assert (loaded.model, loaded.request_ids) == ("iris", ())
    assert called.thread == f"{threading.get_ident():#018x}"
    assert loaded.thread not in ("", called.thread)
    running.end()


def test_more_threads_than_slots_share_them(tmp_path: Path):
    running = RunningRequests()
    running.open(tmp_path / "a.running")
    done = threading.Barrier(SLOTS + 9)

    def call() -> None:
        running.begin([pending_request("one")])
        running.end()
        done.wait(60)

    threads = [threading.Thread(target=call) for _ in range(SLOTS + 8)]
    for thread in threads:
        thread.start()
    running.begin([pending_request("two")])
    assert "two" in read_running(tmp_path / "a.running")
    running.end()
    done.wait(60)
    for thread in threads:
        thread.join()


def test_the_requests_that_a_thread_processes_are_known():
    assert request_ids() == ()
    with working_for([pending_request("one"), pending_request(""), pending_request("two")]):
        assert request_ids() == ("one", "two")
    assert request_ids() == ()
    assert ids_of([pending_request("")]) == ()
