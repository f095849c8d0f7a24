"""The thread for calls that would hold up the event loop."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Worker:
    """One thread that does its jobs in order. It starts with the first job, so a model that never needs it has none.

    Not an executor: those are joined when the process ends, and a model's call that hangs would keep it from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._started = False

    def do(self, job: Job) -> None:
        """Do this after all jobs before it. The job must not raise."""
        if not self._started:
            self._started = True
            threading.Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True).start()
        self._jobs.put(job)

    def stop(self) -> None:
        """End the thread after the jobs it has; does not wait."""
        if self._started:
            self._jobs.put(None)


def _work(jobs: SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # while waiting for the next, the last one's tensors would stay in memory
