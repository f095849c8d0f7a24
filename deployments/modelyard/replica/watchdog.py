"""Ends a process whose event loop is blocked by a batch that does not return. Serve then starts another replica.

The loop runs only models whose duration depends on the size of their inputs, and only batches with an estimate below a millisecond.
So this is for the unforeseen, such as a native call that waits for a lock forever. A batch in a model's worker thread may hang
without harm to others: the loop responds with deadline errors, and the health check replaces the replica.

There are two stages. The watchdog's thread checks once a second; it logs the batch and the loop's stack, and ends the process with
STUCK. A native call that holds the interpreter's lock stops that thread too. Then a timer in C (faulthandler's), which the thread
resets at each check, writes all stacks to standard error and ends the process with 1.
"""

import faulthandler
import gc
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelyard.inference.batch import Batch
from modelyard.inference.scheduler import Scheduler

CHECK_INTERVAL_S = 1.0
GRACE_S = 5.0
"""How long a batch on the loop may exceed its model's timeout. By then the edge has responded to its clients with 504, so it does
not send their requests to another replica, which they would block too."""
STUCK = 70
"""The exit code; EX_SOFTWARE of sysexits.h."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchedScheduler:
    """A scheduler, and how long one of its batches may block the loop."""

    name: str
    scheduler: Scheduler
    limit_s: float


def end_later(seconds: float) -> None:
    """End the process after this time, unless this is called again."""
    try:
        faulthandler.dump_traceback_later(seconds, exit=True)
    except RuntimeError:  # no memory for its thread; the next check tries again
        log.warning("the timer that ends a stuck process could not be set")


class Watchdog:
    """Created on the loop's thread; checks from another one. It adds no work to requests."""

    def __init__(
        self,
        watched: Sequence[WatchedScheduler],
        *,
        clock: Callable[[], float] = time.perf_counter,
        end_process: Callable[[int], object] = os._exit,
        rearm: Callable[[float], object] = end_later,
    ) -> None:
        """`rearm` sets the timer that ends the process in so many seconds unless it is set again."""
        self._clock = clock
        self._end_process = end_process
        self._rearm = rearm
        self.watch(watched)
        self._loop_thread = threading.get_ident()
        self._last_batch: Batch | None = None  # at the last check
        self._checks = 0  # that found the same batch
        self._stopped = threading.Event()

    def watch(self, watched: Sequence[WatchedScheduler]) -> None:
        """Watch these from the next check on."""
        self._watched = watched
        self._timer_s = 3 * max((each.limit_s for each in watched), default=GRACE_S)

    def start(self) -> None:
        """Check in a separate thread until the process ends or `stop` is called."""
        self._rearm(self._timer_s)
        threading.Thread(target=self._run, name="modelyard-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop checking."""
        self._stopped.set()

    def check(self) -> None:
        """End the process if a batch has blocked the loop for too long.

        That batch must also have been found by as many checks as its time allows: a process that was suspended has not hung.
        """
        self._rearm(self._timer_s)
        for each in self._watched:
            batch = each.scheduler.batch_on_loop()
            if batch is None:
                continue
            self._checks = self._checks + 1 if batch is self._last_batch else 0
            self._last_batch = batch
            blocked_s = self._clock() - batch.started
            if blocked_s > each.limit_s and self._checks * CHECK_INTERVAL_S > each.limit_s:
                self._end(each.name, batch, blocked_s)
            return
        self._last_batch = None

    def _end(self, name: str, batch: Batch, blocked_s: float) -> None:
        log.critical(
            "%s has blocked the event loop for %.0f s with one batch of %d rows; this process ends (exit code %d), and Ray Serve "
            "starts another. Stack of the loop's thread:\n%s",
            name,
            blocked_s,
            batch.rows,
            STUCK,
            stack_of(self._loop_thread),
        )
        self._end_process(STUCK)

    def _run(self) -> None:
        while not self._stopped.wait(CHECK_INTERVAL_S):
            self.check()
        faulthandler.cancel_dump_traceback_later()


def stack_of(thread: int) -> str:
    """The stack of a thread of this process, by its identifier."""
    collects = gc.isenabled()
    gc.disable()  # CPython 3.11 waits forever if it collects a thread's local variables meanwhile (gh-106883)
    try:
        frame = sys._current_frames().get(thread)
    finally:
        if collects:
            gc.enable()
    return "".join(traceback.format_stack(frame)) if frame else "(no stack)\n"
