"""The file in which each running batch has a slot for the ids of its requests."""

import threading
from pathlib import Path
from typing import Any

from modelyard.inference.running_requests import SLOTS, RunningRequests, read_calls, read_running

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


def test_thirty_two_calls_have_a_slot_each_and_further_ones_have_none(tmp_path: Path) -> None:
    running = RunningRequests()
    running.open(tmp_path / "running")
    begun, read = threading.Barrier(SLOTS + 2), threading.Event()

    def work(number: int) -> None:
        running.begin((Request(f"r{number}"),))
        begun.wait(PATIENCE_S)
        read.wait(PATIENCE_S)
        running.end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(SLOTS + 1)]
    for thread in threads:
        thread.start()
    begun.wait(PATIENCE_S)
    found = read_running(tmp_path / "running")
    read.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (len(found), len({*found})) == (32, 32)
    assert {*found} < {f"r{number}" for number in range(SLOTS + 1)}
    assert read_running(tmp_path / "running") == ()


def test_a_thread_keeps_its_slot_during_a_call(tmp_path: Path) -> None:
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
    in_thread(lambda: running.begin([Request("x" * 5000)], "long"))
    in_thread(lambda: running.begin([Request("next")], "short"))
    in_thread(lambda: running.begin(()))
    calls = {call.model: call for call in read_calls(tmp_path / "running")}
    assert {model: call.request_ids for model, call in calls.items()} == {
        "long": ("x" * (4094 - len(f"long\t{calls['long'].thread}\n")),),
        "short": ("next",),
        "": (),
    }


def test_slots_are_used_by_other_threads_once_half_of_them_are_used(tmp_path: Path) -> None:
    running = RunningRequests()
    running.open(tmp_path / "running")

    def work() -> None:
        running.begin([Request("ended")])
        running.end()

    for _ in range(3 * SLOTS):
        in_thread(work)
    in_thread(lambda: running.begin([Request("runs")]))
    assert read_running(tmp_path / "running") == ("runs",)
