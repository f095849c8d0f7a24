"""The thread of one version: the model is loaded in it, and calls that would block the event loop run in it.

Objects that operator code creates in a thread may work in no other: a SQLite connection, a threading.local, a CUDA context.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from modelyard.inference.running_requests import RUNNING

T = TypeVar("T")
Job = Callable[[], None]

IDLE_S = 10.0
"""A thread that may end does so after so much time without a job: a process may hold a thousand models."""


class Worker:
    """One thread that runs its jobs in order. It starts with the first job.

    Not an executor: those are joined when the process ends, so a model call that hangs would keep the process from ending.
    """

    def __init__(self, name: str = "modelyard-model", idle_s: float = IDLE_S) -> None:
        self._name = name
        self._idle_s = idle_s
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards `_running`
        self._running = False
        self._waits_s: float | None = None
        """For a job, before the thread ends; None: for ever."""

    def do(self, job: Job) -> None:
        """Run a job after all jobs before it. It must not raise."""
        with self._lock:
            self._jobs.put(job)
            if not self._running:
                self._running = True
                threading.Thread(target=self._work, name=self._name, daemon=True).start()

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

    def allow_other_threads(self) -> None:
        """The model works in every thread: end this one after the jobs that are queued, and later ones when they are idle."""
        self._end_when_idle(self._idle_s)

    def stop(self, last: Job | None = None) -> bool:
        """End the thread after its jobs and `last`, without waiting for it. Without a thread, nothing is done: returns False."""
        return self._end_when_idle(0.0, last)

    def _end_when_idle(self, later_s: float, last: Job | None = None) -> bool:
        with self._lock:
            self._waits_s = later_s
            if self._running:
                if last is not None:
                    self._jobs.put(last)
                self._jobs.put(None)
            return self._running

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._waits_s)
            except Empty:
                job = None
            if job is not None:
                job()
                del job  # else its tensors would stay in memory until the next job
                continue
            with self._lock:
                if self._jobs.empty():
                    self._running = False
                    RUNNING.leave_slot()
                    return
