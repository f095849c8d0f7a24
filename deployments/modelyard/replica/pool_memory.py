"""The memory of a pool's models: makes room for loads, measures them, and releases what is evicted, replaced or removed.

Called on the event loop. `MemoryBudget` decides; this waits, and carries out what it has decided.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

from modelyard.replica.model_server import ModelServer
from modelyard.replica.pool_state import CannotLoad, Configuration
from modelyard.replica.process_memory import ProcessHeap
from modelyard.replica.retired_servers import RetiredServers
from modelyard.residency.budget import MemoryBudget
from modelyard.residency.entry import CannotFit, Load
from modelyard.residency.entry import Residency as State
from modelyard.residency.leftovers import Leftovers
from modelyard.residency.load_measurement import LoadMeasurements, Measurement
from modelyard.residency.size_estimates import SizeEstimates
from modelyard.residency.thrashing import Thrashing

FIRST_LOAD_S = 0.1
"""How long a load takes, before one was measured."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The requests to a model that is in memory."""

    key: str
    """Of its configuration."""
    in_flight: int
    """Requests that are open, and calls of the model that hang."""
    requests: int
    """That were completed since it was loaded."""


class Residents(Protocol):
    """The models that are in memory."""

    def usage(self) -> Iterable[Usage]:
        """The requests to each."""

    def are_awaited(self) -> bool:
        """Whether requests have waited for one of them, and have not begun yet."""

    def unload(self, key: str) -> tuple[ModelServer, Configuration] | None:
        """Let nothing begin on the model with this configuration. Returns what served it; None if it is not in memory."""

    def is_used(self, config: Configuration) -> bool:
        """Whether a model serves this configuration, or shall."""


class PoolMemory:
    """The budget of one replica, and what has to happen for it."""

    def __init__(
        self,
        budget: MemoryBudget,
        thrashing: Thrashing,
        residents: Residents,
        retired: RetiredServers,
        heap: ProcessHeap,
    ) -> None:
        self._budget = budget
        self._thrashing = thrashing
        self._residents = residents
        self._retired = retired
        self._measurements = LoadMeasurements(heap.allocated)
        self._leftovers = Leftovers(budget.budget_bytes, heap.clock)
        self._heap = heap
        self._has_released = True
        """Whether a model was released since what is left was measured; True at first, to know what is there without models."""
        self._collecting: asyncio.Task[None] | None = None
        self._estimates = SizeEstimates()
        self._closed_servers: list[ModelServer] = []
        """Evicted models, which may not be released yet."""
        self._freed = asyncio.Event()
        """Replaced when a load that waits for memory may try again."""

    # Configurations

    def enter(self, config: Configuration) -> None:
        """Know a configuration that is not loaded."""
        self._budget.add(config.key, size_bytes=0, load_s=FIRST_LOAD_S, pinned=config.member.pinned)

    def leave(self, config: Configuration) -> None:
        """Forget a configuration. While it drains, its bytes count until it is closed."""
        entry = self._budget.entries.get(config.key)
        if entry is not None and entry.state is not State.DRAINING:
            self._budget.remove(config.key)
            self.try_again()

    def pin(self, config: Configuration, pinned: bool) -> None:
        """Protect from eviction, or stop protecting."""
        self._budget.pin(config.key, pinned)

    def size_bytes(self, config: Configuration) -> int:
        """As last measured, or estimated."""
        return self._budget.entries[config.key].size_bytes

    def estimate(self, config: Configuration, files_bytes: int) -> None:
        """Estimate the size of a configuration from that of its files, if it was never loaded.

        An estimate does not keep a model from its first load: only files that are larger than the budget do.
        """
        if not config.load_s and config.key in self._budget.entries:
            size = self._estimates.estimate_bytes(config.member.args.runtime, files_bytes)
            self._budget.resize(config.key, min(size, max(files_bytes, self._budget.max_size_bytes(config.key))))

    def has_room(self, config: Configuration) -> bool:
        """Whether it fits beside all that is in memory."""
        entry = self._budget.entries.get(config.key)
        return entry is not None and self._budget.used_bytes + entry.size_bytes <= self._budget.budget_bytes

    # Loads

    async def reserve(self, config: Configuration) -> None:
        """Make room for a load. Raises CannotLoad."""
        await self._collect_leftovers()
        while self._residents.is_used(config):
            if self._residents.are_awaited():  # a model that was just loaded is not evicted before its requests begin
                await asyncio.sleep(0)
                continue
            if self._budget.waiting or not self.has_room(config):  # else nothing is evicted
                self._count_requests()
            freed = self._freed
            decision = self._budget.request(config.key)
            if isinstance(decision, CannotFit):
                raise CannotLoad(decision.reason)
            if isinstance(decision, Load):
                self._evict(decision.evict)
                while self._closed_servers:  # the load is measured
                    await self._closed_servers.pop().released()
                return
            self._drain(decision.drain)
            await freed.wait()
        self._budget.cancel(config.key)
        raise CannotLoad("it has changed")

    def begin(self, config: Configuration) -> Measurement:
        """A load begins, in memory that is reserved. Call `admit` or `failed` at its end."""
        self._thrashing.load_begins(config.key)
        return self._measurements.begin()

    def failed(self, config: Configuration, measurement: Measurement) -> None:
        """A load has failed: its memory is free."""
        self._thrashing.load_ends(config.key)
        measurement.cancel()
        self._budget.freed(config.key)
        self.try_again()

    def admit(self, config: Configuration, server: ModelServer, measurement: Measurement, load_s: float) -> None:
        """A load has succeeded. Raises CannotLoad, and closes the server, if it is larger than there is room for."""
        self._thrashing.load_ends(config.key)
        size = self._size_of(config, measurement)
        if self._budget.used_bytes + size - self.size_bytes(config) > self._budget.budget_bytes:
            self._count_requests()
        correction = self._budget.loaded(config.key, size, load_s)
        if isinstance(correction, CannotFit):
            server.close()
            self.try_again()
            raise CannotLoad(correction.reason)
        self._evict(correction.evict)
        self._drain(correction.drain)
        self.try_again()  # the next one that waits for memory may evict this one

    def retire(self, server: ModelServer, config: Configuration) -> None:
        """Close a server that gets no more requests, when its open ones have ended; then its memory is free."""
        self._budget.drain(config.key)
        self._retired.drain(server, partial(self._closed, config))

    def try_again(self) -> None:
        """Memory was freed, or a model may be evicted now: loads that wait try again."""
        self._freed.set()
        self._freed = asyncio.Event()

    async def _collect_leftovers(self, *, wait: bool = False) -> None:
        """Collect what is left if that is due; with `wait`, also what is due later."""
        while self._has_released:  # to measure takes a millisecond
            self._has_released = False
            due_s = self._leftovers.due_in_s(self._outside_bytes(), exact=not self._measurements.running)
            if due_s == 0.0:
                started = self._heap.clock()
                await self._heap.collect()
                self._measurements.released()
                self._leftovers.collected(self._outside_bytes(), self._heap.clock() - started)
            elif due_s < inf:
                self._has_released = True
                if not wait:
                    return
                await asyncio.sleep(due_s)

    def _on_release(self) -> None:
        self._measurements.released()
        self._has_released = True
        if self._collecting is None or self._collecting.done():  # no load may follow
            self._collecting = asyncio.create_task(self._collect_leftovers(wait=True))

    def _outside_bytes(self) -> int:
        return self._heap.allocated() - self._budget.used_bytes

    def _size_of(self, config: Configuration, measurement: Measurement) -> int:
        """The size of a model that has just been loaded: measured, as far as nothing else has disturbed the measurement."""
        size = measurement.end()
        before = self.size_bytes(config)  # measured earlier, or estimated
        if measurement.released:
            return before if config.load_s else max(before, size)
        if measurement.shared:
            # Too large, so no reason to reject the model: it has the whole budget, until it is loaded alone.
            return min(before, size) if config.load_s else min(size, self._budget.max_size_bytes(config.key))
        self._estimates.observe(config.member.args.runtime, config.files_bytes or 0, size)
        return size

    def _evict(self, keys: tuple[str, ...]) -> None:
        """Free models that have no open request, at once."""
        self._thrashing.evicted(*keys)
        for key in keys:
            if unloaded := self._residents.unload(key):
                server, _ = unloaded
                self._on_release()
                self._retired.close(server)
                self._closed_servers.append(server)

    def _drain(self, keys: tuple[str, ...]) -> None:
        """Free models when their open requests have ended."""
        self._thrashing.evicted(*keys)
        for key in keys:
            if unloaded := self._residents.unload(key):
                self.retire(*unloaded)

    def _closed(self, config: Configuration, stuck: bool) -> Callable[[], None]:
        """A retired server is closed. A call that hangs keeps its memory: the others have that much less until it returns."""
        self._on_release()
        stuck_bytes = self.size_bytes(config) if stuck else 0
        self._budget.budget_bytes -= stuck_bytes
        if self._residents.is_used(config):
            self._budget.freed(config.key)
        else:
            self._budget.remove(config.key)
        self.try_again()
        return partial(self._returned, stuck_bytes)

    def _returned(self, stuck_bytes: int) -> None:
        self._budget.budget_bytes += stuck_bytes
        self.try_again()

    def _count_requests(self) -> None:
        """Tell the budget which models are in use. Only before a decision: a request itself costs nothing."""
        for usage in self._residents.usage():
            entry = self._budget.entries[usage.key]
            entry.in_flight = usage.in_flight
            if usage.requests != entry.requests:
                entry.requests, entry.used_since_scan = usage.requests, True
