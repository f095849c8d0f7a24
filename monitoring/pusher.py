"""Sends a process's snapshots to the hub, in a thread of its own: nothing that counts ever waits for it."""

import logging
import threading
import uuid
from collections.abc import Callable

from monitoring.snapshot import Push, Snapshot

EVERY_S = 1.0
CLOSE_S = 3.0
"""How long the last push may take; the process ends without it then."""

log = logging.getLogger(__name__)


class Pusher:
    """Pushes once a second from `start` on, until `close`. A push that fails is made up by the next: snapshots are cumulative."""

    def __init__(
        self,
        take: Callable[[], Snapshot],
        send: Callable[[Push], None],
        *,
        every_s: float = EVERY_S,
        close_s: float = CLOSE_S,
    ) -> None:
        self._take = take
        """Gives the snapshot of this moment; called in the thread."""
        self._send = send
        """Returns once the hub has it, or raises."""
        self._every_s = every_s
        self._close_s = close_s
        self._source = uuid.uuid4().hex
        self._number = 0
        self._known = False
        self._failing = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelyard-metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Push once more, and end. Waits for that, but not for long."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(self._close_s)

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.push(final=False)
        self.push(final=True)

    def push(self, *, final: bool) -> None:
        """One push, now."""
        try:
            self._number += 1
            self._send(Push(self._source, self._number, self._known, final, self._take()))
        except Exception as error:  # noqa: BLE001 - whatever keeps the hub away, this process serves on and tries again
            if not self._failing:
                log.warning("metrics do not reach the hub (%r): they are kept, and pushed when it is back", error)
            self._failing = True
        else:
            self._known, self._failing = True, False
