"""How many models load at the same time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MAX_LOADS = 2
MAX_SLOW_LOADS = 8
SLOW_LOAD_S = 5.0
"""A load that has run for so long does not count among MAX_LOADS, so that models that hang do not stop the others."""


class LoadSlots:
    """At most MAX_LOADS at the same time, and MAX_SLOW_LOADS more that are slow. The longest waiting load is next."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_LOADS)
        self._slow = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it in the block."""
        await self._free.acquire()
        slow = False

        def release_early() -> None:
            nonlocal slow
            if self._slow < MAX_SLOW_LOADS:
                slow = True
                self._slow += 1
                self._free.release()

        timer = asyncio.get_running_loop().call_later(SLOW_LOAD_S, release_early)
        try:
            yield
        finally:
            timer.cancel()
            if slow:
                self._slow -= 1
            else:
                self._free.release()
