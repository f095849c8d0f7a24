"""Sends the snapshots of a process to the hub from a background thread, so that counting never waits for the network."""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from modelyard.telemetry.metrics.snapshot import NOTHING, Key, MetricsSnapshot, Parts, Push, changes, complete

PUSH_INTERVAL_S = 1.0
MAX_SKIPPED = 1
"""Consecutive pushes that are left out while nothing changes. The hub treats a process as ended that is silent for five seconds."""
MAX_SHARE, MAX_INTERVAL_S = 0.05, 3.0
"""The share of a core that pushes may use, and the longest pause for that: to read the counts of hundreds of busy models takes a
tenth of a second. The pause stays below the five seconds above."""
REFRESH_DELAY_S = 0.03
"""From a refresh request to its push. One push serves all requests that arrive meanwhile, which limits their load."""
CLOSE_TIMEOUT_S = 3.0
"""Maximum duration of the last push. After that the process ends without it."""

log = logging.getLogger(__name__)


class SnapshotSink(Protocol):
    """The receiver of snapshots: the hub."""

    def push(self, push: Push) -> bool:
        """Return when the hub has stored the push; False if it does not have the push's base. May raise."""

    def on_refresh(self, known_id: int, callback: Callable[[int], None]) -> None:
        """Call `callback` once, in any thread, when a refresh after `known_id` is requested (see `refresh.py`), with its id.

        Calls it with `known_id` if the wait has timed out and must be started again. May raise.
        """


class Pusher:
    """Pushes once a second and on each refresh request, from `start` to `close`; every other second while nothing changes.

    A push has the parts that have changed since the last one. After a failure it is complete: counts are since the start of the
    process, so it makes up for those that failed.
    """

    def __init__(
        self,
        parts: Callable[[], Parts],
        hub: SnapshotSink,
        *,
        interval_s: float = PUSH_INTERVAL_S,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
    ) -> None:
        self._parts = parts
        """Returns the current metrics. Called in the background thread."""
        self._hub = hub
        self._interval_s = interval_s
        self._close_timeout_s = close_timeout_s
        self._source = uuid.uuid4().hex
        self._number = 0
        self._acknowledged = False
        self._failing = False
        self._refresh_id = 0
        self._pushed: tuple[int, Parts] | None = None
        """The refresh and the parts of the last push; None if it failed."""
        self._skipped = 0
        self._listening = False
        self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelyard-metrics", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Push a last time and stop. Waits at most `close_timeout_s`."""
        self._closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(self._close_timeout_s)

    def _run(self) -> None:
        while not self._closed:
            begun = time.thread_time()
            self.push(final=False, skip=self._skipped < MAX_SKIPPED)
            pause_s = min((time.thread_time() - begun) / MAX_SHARE, MAX_INTERVAL_S)
            if self._wake.wait(max(self._interval_s, pause_s)) and not self._closed:
                self._wake.clear()
                self._wake.wait(REFRESH_DELAY_S)
        self.push(final=True)

    def push(self, *, final: bool, skip: bool = False) -> None:
        """Push now; with `skip`, only if there is something new. Logs a failure and does not raise."""
        try:
            refresh_id = self._refresh_id  # read before the counts are
            parts = self._parts()
            pushed, self._pushed = self._pushed, None
            base, before = (self._number, pushed[1]) if pushed else (0, {})
            update, gone = changes(before, parts)
            if skip and pushed and pushed[0] == refresh_id and update == NOTHING and not gone:
                self._pushed = pushed
                self._skipped += 1
                return
            self._skipped = 0
            if not self._send(update, refresh_id, final, base, gone):
                self._send(complete(parts), refresh_id, final)
            self._pushed = refresh_id, parts
            if not (final or self._listening):
                self._listening = True
                self._hub.on_refresh(refresh_id, self._on_refresh)
        except Exception as error:  # noqa: BLE001 - serving goes on whatever the hub's failure is, and the next push tries again
            self._listening = False
            if not self._failing:
                log.warning("cannot push metrics to the hub (%r); they are included in the next successful push", error)
            self._failing = True
        else:
            self._acknowledged, self._failing = True, False

    def _send(
        self,
        snapshot: MetricsSnapshot,
        refresh_id: int,
        final: bool,
        base: int = 0,
        gone: frozenset[Key] = frozenset(),
    ) -> bool:
        self._number += 1
        push = Push(self._source, self._number, self._acknowledged, final, snapshot, refresh_id, base, gone)
        return self._hub.push(push)

    def _on_refresh(self, refresh_id: int) -> None:
        self._listening = False
        if refresh_id > self._refresh_id:
            self._refresh_id = refresh_id
            self._wake.set()
