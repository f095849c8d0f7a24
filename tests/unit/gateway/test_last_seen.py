"""What is said while a look takes long."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from modelyard.gateway.last_seen import FRESH_S, OLDEST_S, LastSeen


class Serve:
    """Answers at once, or when it is let."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0
        self.free = asyncio.Event()
        self.free.set()
        self.broken = False

    async def look(self) -> int:
        self.looks += 1
        mine = self.looks
        await self.free.wait()
        if self.broken:
            raise RuntimeError("the controller is dead")
        return mine


def run(story: Callable[[Serve, LastSeen[int]], Awaitable[None]]) -> None:
    async def told() -> None:
        serve = Serve()
        await story(serve, LastSeen(serve.look, lambda: serve.now, patience_s=0.01))

    asyncio.run(told())


def test_a_look_answers_everybody_for_a_moment_and_then_there_is_another() -> None:
    async def story(serve: Serve, seen: LastSeen[int]) -> None:
        assert await asyncio.gather(seen.get(), seen.get(), seen.get()) == [1, 1, 1]
        serve.now += FRESH_S
        assert await seen.get() == 1
        serve.now += 0.1
        assert await seen.get() == 2

    run(story)


def test_while_a_look_takes_long_everybody_gets_what_was_seen_before() -> None:
    async def story(serve: Serve, seen: LastSeen[int]) -> None:
        await seen.get()
        serve.free.clear()
        serve.now += 5
        assert await asyncio.gather(seen.get(), seen.get()) == [1, 1]
        assert await seen.get() == 1
        assert serve.looks == 2, "one look is under way"
        serve.free.set()
        assert await seen.get() == 2

    run(story)


def test_what_was_seen_long_ago_answers_nobody() -> None:
    async def story(serve: Serve, seen: LastSeen[int]) -> None:
        await seen.get()
        serve.free.clear()
        serve.now += OLDEST_S + 1
        waiting = asyncio.create_task(seen.get())
        await asyncio.sleep(0)
        serve.free.set()
        assert await waiting == 2

    run(story)


def test_a_look_that_fails_is_told_and_tried_again() -> None:
    async def story(serve: Serve, seen: LastSeen[int]) -> None:
        serve.broken = True
        with pytest.raises(RuntimeError, match="the controller is dead"):
            await seen.get()
        serve.broken = False
        assert await seen.get() == 2

    run(story)
