"""The thread of one version: the model is loaded in it, and calls that would block the event loop run in it.

Objects that operator code creates in a thread may work in no other: a SQLite connection, a threading.local, a CUDA context.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
Job = Callable[[], None]


class Worker:
    """One thread that runs its jobs in order. It starts with the first job.

    Not an executor: those are joined when the process ends, so a model call that hangs would keep the process from ending.
    """

    def __init__(self, name: str = "modelyard-model") -> None:
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._started = False

    def do(self, job: Job) -> None:
        """Run a job after all jobs before it. It must not raise."""
        if not self._started:
            self._started = True
            threading.Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True).start()
        self._jobs.put(job)

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Run a function; the future gets its result or its error."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # not cancellable: a thread cannot be stopped

        def job() -> None:
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - a model that calls sys.exit() must not end the thread
                future.set_exception(error)
            else:
                future.set_result(result)

        self.do(job)
        return future

    def stop(self, last: Job | None = None) -> None:
        """End the thread after its jobs and `last`, without waiting for it. Without a thread, nothing is done."""
        if self._started:
            if last is not None:
                self._jobs.put(last)
            self._jobs.put(None)


def _work(jobs: SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # else its tensors would stay in memory until the next job
