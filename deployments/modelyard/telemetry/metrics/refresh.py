"""Refresh on demand: a reader of the metrics can wait until every process has pushed a fresh snapshot.

Each request has an id. Processes wait for an id that they have not seen, and send it with their next push.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

REFRESH_TIMEOUT_S = 1.5
"""Maximum wait for a refresh. All live processes push to a restarted hub within a second. A process that has not pushed after this
time is dead or hangs, and its last snapshot is used."""
LONG_POLL_S = 60.0
"""How long a process waits for a request in one call."""


class RefreshRequests:
    """The refresh requests of one hub. All methods run on one event loop."""

    def __init__(self, last_id: int) -> None:
        """Ids start after `last_id`, which must exceed every id of earlier hubs."""
        self._last_id = last_id
        self._requested, self._pushed = asyncio.Condition(), asyncio.Condition()

    async def request(self, is_done: Callable[[int], bool]) -> None:
        """Request a refresh, and wait until `is_done(id)` or for REFRESH_TIMEOUT_S. `is_done` is called after each push."""
        async with self._requested:
            self._last_id += 1
            refresh_id = self._last_id
            self._requested.notify_all()
        await _wait(self._pushed, lambda: is_done(refresh_id), REFRESH_TIMEOUT_S)

    async def wait_after(self, known_id: int) -> int:
        """Wait for a request after `known_id`, and return the latest id. Returns `known_id` after LONG_POLL_S without one."""
        await _wait(self._requested, lambda: self._last_id > known_id, LONG_POLL_S)
        return max(self._last_id, known_id)

    async def notify_pushed(self) -> None:
        """A push was merged: check the open requests again."""
        async with self._pushed:
            self._pushed.notify_all()


async def _wait(changed: asyncio.Condition, predicate: Callable[[], bool], timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s), changed:
            await changed.wait_for(predicate)
