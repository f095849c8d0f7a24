"""A cached value that is refreshed in the background, for a source that can take seconds, such as Serve's controller."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

FRESH_S = 0.5
"""A value of at most this age is returned without a refresh."""
MAX_WAIT_S = 1.0
"""Maximum wait for a refresh. After that the old value is returned."""
MAX_AGE_S = 30.0
"""An older value is never returned: the caller waits for the refresh."""


class RefreshingCache(Generic[T]):
    """All callers share one refresh at a time."""

    def __init__(
        self, fetch: Callable[[], Awaitable[T]], clock: Callable[[], float], max_wait_s: float = MAX_WAIT_S
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._max_wait_s = max_wait_s
        self._value: T
        self._fetched_at = float("-inf")
        self._refresh: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The current or a recent value. Raises the error of `fetch`."""
        age_s = self._clock() - self._fetched_at
        if age_s <= FRESH_S:
            return self._value
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._fetch_value())
        refresh = self._refresh
        done, _ = await asyncio.wait((refresh,), timeout=self._max_wait_s if age_s <= MAX_AGE_S else None)
        return refresh.result() if done else self._value

    async def _fetch_value(self) -> T:
        self._value = await self._fetch()
        self._fetched_at = self._clock()
        return self._value
