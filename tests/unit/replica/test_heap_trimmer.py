"""Freed memory goes back to the system, now and then."""

import threading
from collections.abc import Callable
from typing import Any

from modelyard.replica.heap_trim import AFTER_S, HeapTrimmer, trim_heap
from tests.fakes import FakeClock, FakeLoop


class ExecutorLoop(FakeLoop):
    """Runs in another thread, at once, what is given to its executor."""

    def run_in_executor(self, executor: Any, function: Callable[..., object], *args: Any) -> Any:
        thread = threading.Thread(target=function, args=args)
        thread.start()
        thread.join()


def test_releases_within_a_second_are_followed_by_one_trimming_beside_the_loop() -> None:
    loop, trimmed = ExecutorLoop(FakeClock()), list[threading.Thread]()
    trimmer = HeapTrimmer(loop, lambda: trimmed.append(threading.current_thread()))
    for _ in range(3):
        trimmer.soon()
        loop.advance(AFTER_S / 4)
    assert trimmed == []
    loop.advance(AFTER_S)
    assert len(trimmed) == 1
    assert trimmed[0] is not threading.current_thread()
    loop.advance(10 * AFTER_S)
    assert len(trimmed) == 1
    trimmer.soon()
    loop.advance(AFTER_S)
    assert len(trimmed) == 2


def test_this_system_can_be_asked_for_it() -> None:
    trim_heap()
