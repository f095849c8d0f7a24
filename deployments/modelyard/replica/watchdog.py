"""Ends a process whose event loop is held by a call that does not return: nothing else can, and Serve starts another.

Only models whose calls take as long as their inputs are large are called on the loop, and only where that is believed to be less
than a millisecond. So this is for what nobody foresees: a native call that waits for a lock for ever. A call in a model's own
thread may hang for as long as it likes: the loop answers in its place, and the health check looks after it.

There are two ends. This module's thread looks once a second, tells the log which call it is and where, and ends the process with
STUCK. A native call that keeps the interpreter to itself stops that thread too; a timer of C (faulthandler's), which the thread
sets anew at each look, then writes all stacks to standard error and ends the process with 1.
"""

import faulthandler
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
"""How far behind its model's time-out a call on the loop may be. Until then the edge has given its clients a 504, so that it does
not send their requests to another replica, which would be held too."""
STUCK = 70
"""The exit code; EX_SOFTWARE of sysexits.h."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchedScheduler:
    """A model server, and how long one of its calls may hold the loop."""

    name: str
    server: Scheduler
    limit_s: float


def end_later(seconds: float) -> None:
    """End the process in so many seconds, unless this is called again."""
    try:
        faulthandler.dump_traceback_later(seconds, exit=True)
    except RuntimeError:  # no memory for its thread; the next look tries again
        log.warning("the timer that ends a stuck process could not be set")


class Watchdog:
    """Made on the loop's thread; looks from another. It reads what the servers keep anyway, and costs requests nothing."""

    def __init__(
        self,
        watched: Sequence[WatchedScheduler],
        *,
        clock: Callable[[], float] = time.perf_counter,
        die: Callable[[int], object] = os._exit,
        rearm: Callable[[float], object] = end_later,
    ) -> None:
        """`rearm` sets the timer that ends the process in so many seconds unless it is set again."""
        self._watched = watched
        self._clock = clock
        self._die = die
        self._rearm = rearm
        self._timer_s = 3 * max((each.limit_s for each in watched), default=GRACE_S)
        self._loop_thread = threading.get_ident()
        self._seen: Batch | None = None  # at the last look
        self._looks = 0  # at the same call
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to look, in a thread of its own, until the process ends or `stop` is called."""
        self._rearm(self._timer_s)
        threading.Thread(target=self._run, name="modelyard-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def look(self) -> None:
        """One look at all servers; ends the process where a call has held the loop for too long.

        A call must have been seen as often as its seconds allow: a process that was stopped for a while has not hung.
        """
        self._rearm(self._timer_s)
        for each in self._watched:
            call = each.server.batch_on_loop()
            if call is None:
                continue
            self._looks = self._looks + 1 if call is self._seen else 0
            self._seen = call
            held_s = self._clock() - call.started
            if held_s > each.limit_s and self._looks * CHECK_INTERVAL_S > each.limit_s:
                self._end(each.name, call, held_s)
            return
        self._seen = None

    def _end(self, name: str, call: Batch, held_s: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        stack = "".join(traceback.format_stack(frame)) if frame else "(it has no stack)\n"
        log.critical(
            "%s has held the event loop for %.0f s in one call of %d rows; this process ends (exit code %d), and Serve starts "
            "another. The loop's thread is here:\n%s",
            name,
            held_s,
            call.rows,
            STUCK,
            stack,
        )
        self._die(STUCK)

    def _run(self) -> None:
        while not self._stopped.wait(CHECK_INTERVAL_S):
            self.look()
        faulthandler.cancel_dump_traceback_later()
