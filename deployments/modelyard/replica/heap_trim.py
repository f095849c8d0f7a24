"""Memory that large bodies took goes back to the system: the C library would keep it, be it hundreds of megabytes."""

import asyncio
import ctypes
from collections.abc import Callable

AFTER_S = 1.0
"""Between the first release and the trimming, in which others join it: it is done at most so often."""


def trim_heap() -> None:
    """See malloc_trim(3), which only glibc has."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class HeapTrimmer:
    """Trims a while after it was asked to, beside the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, trim: Callable[[], None] = trim_heap) -> None:
        self._loop = loop
        self._trim = trim
        self._timer: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        """Large bodies were released."""
        if self._timer is None:
            self._timer = self._loop.call_later(AFTER_S, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._loop.run_in_executor(None, self._trim)
