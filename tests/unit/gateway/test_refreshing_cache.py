"""The cache returns the old value while a refresh takes long."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from modelyard.gateway.refreshing_cache import FRESH_S, MAX_AGE_S, RefreshingCache


class Source:
    """Returns the number of the fetch, at once or when the test releases it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fetches = 0
        self.released = asyncio.Event()
        self.released.set()
        self.broken = False

    async def fetch(self) -> int:
        self.fetches += 1
        number = self.fetches
        await self.released.wait()
        if self.broken:
            raise RuntimeError("the controller is dead")
        return number


def run(scenario: Callable[[Source, RefreshingCache[int]], Awaitable[None]]) -> None:
    async def run_scenario() -> None:
        source = Source()
        await scenario(source, RefreshingCache(source.fetch, lambda: source.now, max_wait_s=0.01))

    asyncio.run(run_scenario())


def test_one_fetch_serves_all_callers_while_its_value_is_fresh() -> None:
    async def scenario(source: Source, cache: RefreshingCache[int]) -> None:
        assert await asyncio.gather(cache.get(), cache.get(), cache.get()) == [1, 1, 1]
        source.now += FRESH_S
        assert await cache.get() == 1
        source.now += 0.1
        assert await cache.get() == 2

    run(scenario)


def test_the_old_value_is_returned_while_a_fetch_takes_long() -> None:
    async def scenario(source: Source, cache: RefreshingCache[int]) -> None:
        await cache.get()
        source.released.clear()
        source.now += 5
        assert await asyncio.gather(cache.get(), cache.get()) == [1, 1]
        assert await cache.get() == 1
        assert source.fetches == 2, "one fetch at a time"
        source.released.set()
        assert await cache.get() == 2

    run(scenario)


def test_a_value_that_is_too_old_is_never_returned() -> None:
    async def scenario(source: Source, cache: RefreshingCache[int]) -> None:
        await cache.get()
        source.released.clear()
        source.now += MAX_AGE_S + 1
        waiting = asyncio.create_task(cache.get())
        await asyncio.sleep(0)
        source.released.set()
        assert await waiting == 2

    run(scenario)


def test_the_error_of_a_fetch_is_raised_and_the_next_call_fetches_again() -> None:
    async def scenario(source: Source, cache: RefreshingCache[int]) -> None:
        source.broken = True
        with pytest.raises(RuntimeError, match="the controller is dead"):
            await cache.get()
        source.broken = False
        assert await cache.get() == 2

    run(scenario)


@pytest.mark.parametrize(("age_s", "returned"), [(0.5, 1), (0.6, 1), (30.0, 1), (30.1, 2)])
def test_an_old_value_is_returned_for_half_a_minute(age_s: float, returned: int) -> None:
    async def scenario(source: Source, cache: RefreshingCache[int]) -> None:
        await cache.get()
        source.released.clear()
        source.now += age_s
        waiting = asyncio.create_task(cache.get())
        await asyncio.wait((waiting,), timeout=0.1 if returned == 2 else None)
        assert source.fetches == 1 + (age_s > 0.5)
        source.released.set()
        assert await waiting == returned

    run(scenario)
