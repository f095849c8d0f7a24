"""The file in which each thread has a slot for the ids of its running batch."""

import threading
from pathlib import Path
from typing import Any

from modelyard.inference.running_requests import RunningRequests, read_running

PATIENCE_S = 10


class Request:
    """A request of a batch, with this id."""

    def __init__(self, request_id: str) -> None:
        self.context: Any = self
        self.request_id = request_id


def in_thread(work: Any) -> None:
    """Run in a thread of its own, which has no slot yet."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_sixteen_threads_have_a_slot_each_and_further_ones_have_none(tmp_path: Path) -> None:
    running = RunningRequests()
    running.open(tmp_path / "running")
    begun, read = threading.Barrier(18), threading.Event()

    def work(number: int) -> None:
        running.begin((Request(f"r{number}"),))
        begun.wait(PATIENCE_S)
        read.wait(PATIENCE_S)
        running.end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(17)]
    for thread in threads:
        thread.start()
    begun.wait(PATIENCE_S)
    found = read_running(tmp_path / "running")
    read.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (len(found), len({*found})) == (16, 16)
    assert {*found} < {f"r{number}" for number in range(17)}
    assert read_running(tmp_path / "running") == ()


def test_a_thread_keeps_its_slot(tmp_path: Path) -> None:
    running = RunningRequests()
    running.open(tmp_path / "running")

    def work() -> None:
        running.begin((Request("first"),))
        running.begin((Request("second"), Request("third")))

    in_thread(work)
    assert read_running(tmp_path / "running") == ("second", "third")


def test_ids_that_are_too_long_for_a_slot_are_cut_and_leave_the_next_slot_alone(tmp_path: Path) -> None:
    running = RunningRequests()
    running.open(tmp_path / "running")
    long = [Request("x" * 5000)]
    in_thread(lambda: running.begin(long))
    in_thread(lambda: running.begin((Request("next"),)))
    in_thread(lambda: running.begin(()))
    assert read_running(tmp_path / "running") == ("x" * 4094, "next")
