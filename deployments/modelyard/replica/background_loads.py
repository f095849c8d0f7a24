"""Loads of a pool's models that no request needs: changed models, eager ones, and those that failed."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from modelyard.replica.load_slots import SLOW_LOAD_S
from modelyard.replica.pool_state import ModelState


class BackgroundLoads:
    """Begins one load after the other. A slow one does not stop those behind it."""

    def __init__(self, load: Callable[[ModelState], Awaitable[None]], changed: Callable[[], None]) -> None:
        """`load` loads a model, if that is still necessary. It must not raise. `changed` is called behind each load."""
        self._load = load
        self._changed = changed
        self._queue: deque[ModelState] = deque()
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # the event loop refers to tasks weakly

    def add(self, model: ModelState, *, first: bool = False) -> None:
        """Load this model, before or behind all others in the queue."""
        if model.awaited:
            return
        model.awaited = True
        (self._queue.appendleft if first else self._queue.append)(model)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._queue:
            task = asyncio.create_task(self._load_one(self._queue.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.wait([task], timeout=SLOW_LOAD_S)

    async def _load_one(self, model: ModelState) -> None:
        try:
            await self._load(model)
        finally:
            model.awaited = False
            self._changed()
