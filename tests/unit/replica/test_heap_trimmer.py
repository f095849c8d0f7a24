"""Freed memory is returned to the system after a delay."""

import threading
from collections.abc import Callable
from typing import Any

from modelyard.replica.process_memory import TRIM_DELAY_S, HeapTrimmer, trim_heap
from tests.fakes import FakeClock, FakeLoop


class ExecutorLoop(FakeLoop):
    """Runs executor jobs at once in another thread."""

    def run_in_executor(self, executor: Any, function: Callable[..., object], *args: Any) -> Any:
        thread = threading.Thread(target=function, args=args)
        thread.start()
        thread.join()


def test_several_releases_cause_one_trimming_outside_the_loop() -> None:
    loop, trimmed = ExecutorLoop(FakeClock()), list[threading.Thread]()
    trimmer = HeapTrimmer(loop, lambda: trimmed.append(threading.current_thread()))
    for _ in range(3):
        trimmer.schedule()
        loop.advance(TRIM_DELAY_S / 4)
    assert trimmed == []
    loop.advance(TRIM_DELAY_S)
    assert len(trimmed) == 1
    assert trimmed[0] is not threading.current_thread()
    loop.advance(10 * TRIM_DELAY_S)
    assert len(trimmed) == 1
    trimmer.schedule()
    loop.advance(TRIM_DELAY_S)
    assert len(trimmed) == 2


def test_trimming_works_on_this_system() -> None:
    trim_heap()
