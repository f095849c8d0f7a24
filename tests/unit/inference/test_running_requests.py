"""The requests whose calls run, as they are found in the file of a process that was killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.inference.pending_request import PendingRequest
from modelyard.inference.recorder import UNRECORDED, RequestContext
from modelyard.inference.running_requests import SLOTS, RunningRequests, ids_of, read_running, request_ids, working_for

KILLED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from modelyard.inference.running_requests import RUNNING
RUNNING.open(Path(sys.argv[1]))
ticket = lambda name: SimpleNamespace(context=SimpleNamespace(request_id=name))
RUNNING.begin([ticket("done, long id")])
RUNNING.end()
RUNNING.begin([ticket("one"), ticket("two")])
os.kill(os.getpid(), signal.SIGKILL)
"""


def ticket(request_id: str) -> PendingRequest:
    context = RequestContext(UNRECORDED, 0.0, request_id, 0)
    return PendingRequest(_Request(), lambda _: None, 0.0, lambda _: None, context)  # type: ignore[arg-type]


class _Request:
    rows = 1


def test_a_killed_process_leaves_the_ids_of_the_call_that_ran(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.running")], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_running(tmp_path / "a.running") == ("one", "two")


def test_nothing_is_left_when_no_call_runs(tmp_path: Path):
    running = RunningRequests()
    running.open(tmp_path / "a.running")
    running.begin([ticket("one")])
    running.end()
    assert read_running(tmp_path / "a.running") == ()
    assert read_running(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("count", [1, 64, 5000])
def test_more_ids_than_there_is_room_for_do_no_harm(tmp_path: Path, count: int):
    running = RunningRequests()
    running.open(tmp_path / "a.running")
    running.begin([ticket(f"request-{n:04}") for n in range(count)])
    found = read_running(tmp_path / "a.running")
    running.end()
    assert list(found[:1]) == ["request-0000"]
    assert len(found) == min(count, len(found))
    assert (tmp_path / "a.running").stat().st_size == 4096 * SLOTS
    assert (tmp_path / "a.running").stat().st_mode & 0o777 == 0o600


def test_a_thread_knows_for_which_requests_it_works():
    assert request_ids() == ()
    with working_for([ticket("one"), ticket(""), ticket("two")]):
        assert request_ids() == ("one", "two")
    assert request_ids() == ()
    assert ids_of([ticket("")]) == ()
