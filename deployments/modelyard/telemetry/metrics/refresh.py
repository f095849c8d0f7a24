"""Refresh on demand: who reads the metrics may wait until every process has pushed a fresh snapshot. For one event loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

FRESH_S = 1.5
"""How long a wish is waited for: a hub that was just started is pushed to within a second. A process that has not pushed by then is
dead or hangs, and its last push has to do."""
HOLD_S = 60.0
"""How long a process waits for a wish before it asks anew."""


class RefreshRequests:
    """Those that are made of one hub."""

    def __init__(self, first: int) -> None:
        """Numbers come after `first`, which is greater than all those of hubs before this one."""
        self._last = first
        self._made, self._pushed = asyncio.Condition(), asyncio.Condition()

    async def make(self, granted: Callable[[int], bool]) -> None:
        """Make one, and wait until `granted` says of its number that everybody has pushed; or for FRESH_S."""
        async with self._made:
            self._last += 1
            mine = self._last
            self._made.notify_all()
        await _wait(self._pushed, lambda: granted(mine), FRESH_S)

    async def after(self, known: int) -> int:
        """The number of the last wish, as soon as there is one after `known`; `known` itself where none comes for HOLD_S."""
        await _wait(self._made, lambda: self._last > known, HOLD_S)
        return max(self._last, known)

    async def pushed(self) -> None:
        """A process has pushed."""
        async with self._pushed:
            self._pushed.notify_all()


async def _wait(changed: asyncio.Condition, true: Callable[[], bool], within_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s), changed:
            await changed.wait_for(true)
