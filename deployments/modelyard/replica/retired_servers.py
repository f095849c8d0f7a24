"""Models that get no more requests: each is closed when its open requests have ended."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

from modelyard.replica.model_server import ModelServer
from modelyard.replica.pool_metrics import PoolMetrics

DRAIN_LIMIT_S = 60.0
"""For open requests, beyond the time limit of one. Only streams last longer; they end with an error."""
CALL_CHECK_S = 0.2
"""Between two checks whether a call that hangs has returned."""

Released = Callable[[], None]


class RetiredServers:
    """Called on the event loop. Their counts stay in the metrics."""

    def __init__(self, metrics: PoolMetrics) -> None:
        self._metrics = metrics
        self._servers: set[ModelServer] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[ModelServer]:
        """Those that drain, and those with a call that hangs."""
        return iter([*self._servers])

    def close(self, server: ModelServer) -> None:
        """Close a server without open requests."""
        server.close()
        self._run(self._record(server))

    def drain(self, server: ModelServer, closed: Callable[[bool], Released]) -> None:
        """Close a server when its open requests have ended, and call `closed` then, with whether a call still hangs.

        If one does, the server's memory is free when that has returned: then what `closed` has returned is called.
        """
        self._servers.add(server)
        self._run(self._close_drained(server, closed))

    async def _close_drained(self, server: ModelServer, closed: Callable[[bool], Released]) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(server.spec.limits.timeout_s + DRAIN_LIMIT_S):
                    await server.drained()
            server.close()
            if not server.is_calling:
                await server.released()
        finally:
            released = closed(server.is_calling)
        while server.is_calling:
            await asyncio.sleep(CALL_CHECK_S)
        released()
        self._servers.discard(server)
        await self._record(server)

    async def _record(self, server: ModelServer) -> None:
        """Write the last lines of its log and its spans, in another thread, because a disk or a collector may hang."""
        await asyncio.to_thread(self._metrics.retire, server)
        if server.is_traced:
            await asyncio.to_thread(server.end_traces)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
