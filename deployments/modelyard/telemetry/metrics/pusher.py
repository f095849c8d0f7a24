"""Sends a process's snapshots to the hub, in a thread of its own: nothing that counts ever waits for it."""

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Protocol

from modelyard.telemetry.metrics.snapshot import Push, Snapshot

EVERY_S = 1.0
SOON_S = 0.03
"""From a wish to its push: those of many who ask at once are granted together, so that asking is no burden."""
CLOSE_S = 3.0
"""How long the last push may take; the process ends without it then."""

log = logging.getLogger(__name__)


class Hub(Protocol):
    """Where snapshots go."""

    def push(self, push: Push) -> None:
        """Returns once the hub has it, or raises."""

    def on_wish(self, known: int, told: Callable[[int], None]) -> None:
        """Call `told` once, in whatever thread, when numbers are wished for (see `wishes.py`): with the wish's number, which is
        greater than `known`; or with `known`, where it is time to ask again. May raise."""


class Pusher:
    """Pushes once a second, and when it is wished for, from `start` on until `close`.

    A push that fails is made up by the next: snapshots are cumulative.
    """

    def __init__(
        self, take: Callable[[], Snapshot], hub: Hub, *, every_s: float = EVERY_S, close_s: float = CLOSE_S
    ) -> None:
        self._take = take
        """Gives the snapshot of this moment; called in the thread."""
        self._hub = hub
        self._every_s = every_s
        self._close_s = close_s
        self._source = uuid.uuid4().hex
        self._number = 0
        self._known = False
        self._failing = False
        self._wish = 0
        self._listening = False
        self._over = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelyard-metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Push once more, and end. Waits for that, but not for long."""
        self._over = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(self._close_s)

    def _run(self) -> None:
        while not self._over:
            self.push(final=False)
            if self._wake.wait(self._every_s) and not self._over:
                self._wake.clear()
                self._wake.wait(SOON_S)
        self.push(final=True)

    def push(self, *, final: bool) -> None:
        """One push, now."""
        try:
            self._number += 1
            wish = self._wish  # before the look at the counts
            self._hub.push(Push(self._source, self._number, self._known, final, self._take(), wish))
            if not (final or self._listening):
                self._listening = True
                self._hub.on_wish(wish, self._wished)
        except Exception as error:  # noqa: BLE001 - whatever keeps the hub away, this process serves on and tries again
            self._listening = False
            if not self._failing:
                log.warning("metrics do not reach the hub (%r): they are kept, and pushed when it is back", error)
            self._failing = True
        else:
            self._known, self._failing = True, False

    def _wished(self, number: int) -> None:
        self._listening = False
        if number > self._wish:
            self._wish = number
            self._wake.set()
