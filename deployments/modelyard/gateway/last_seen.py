"""What was seen last, kept for those who cannot wait: Serve's controller may be busy for seconds, as when a replica has died."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

FRESH_S = 0.5
"""For how long one look answers everybody."""
PATIENCE_S = 1.0
"""How long a look may keep anybody waiting that could have what was seen before."""
OLDEST_S = 30.0
"""What was seen longer ago answers nobody: they wait for the look."""


class LastSeen(Generic[T]):
    """At most one look is under way, for everybody who waits."""

    def __init__(
        self, look: Callable[[], Awaitable[T]], clock: Callable[[], float], patience_s: float = PATIENCE_S
    ) -> None:
        self._look = look
        self._clock = clock
        self._patience_s = patience_s
        self._value: T
        self._seen_at = float("-inf")
        self._looking: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """What is there now, or was a moment ago. Raises what the look does."""
        age_s = self._clock() - self._seen_at
        if age_s <= FRESH_S:
            return self._value
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._again())
        looking = self._looking
        done, _ = await asyncio.wait((looking,), timeout=self._patience_s if age_s <= OLDEST_S else None)
        return looking.result() if done else self._value

    async def _again(self) -> T:
        self._value = await self._look()
        self._seen_at = self._clock()
        return self._value
