"""The models of a pool in one replica: which are loaded, what is loaded next, and what each serves.

A change of a model loads a candidate beside the version that serves. When it is loaded, verified and warm, one assignment makes it
serve; open requests end on the version before. A candidate that cannot be loaded gets no requests.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from modelyard.errors import ModelNotReady, ModelyardError, NotSupported
from modelyard.protocols.versions import VersionNames
from modelyard.ray_serve.application import ModelArgs, PoolMember
from modelyard.ray_serve.application_status import describe_error
from modelyard.ray_serve.pool_report import ModelReport, Residency
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.model_server import ModelServer
from modelyard.replica.pool_dispatch import PoolDispatch
from modelyard.replica.pool_metrics import PoolMetrics
from modelyard.residency.budget import MemoryBudget
from modelyard.residency.entry import CannotFit, Load
from modelyard.residency.measure import model_bytes
from modelyard.residency.size_estimates import SizeEstimates
from modelyard.residency.thrashing import Thrashing

MAX_LOADS = 2
"""Loads at the same time: one that hangs until its time limit does not stop the others."""
FIRST_LOAD_S = 0.1
"""How long a load takes, before one was measured."""

logger = logging.getLogger("ray.serve")


class CannotLoad(Exception):
    """A model cannot be loaded. Its one argument is the reason, for the operator."""


@dataclass(eq=False, slots=True)
class _Config:
    """One configuration of a model: what is loaded."""

    member: PoolMember
    fingerprint: str
    key: str
    """Its name in the budget: a candidate needs memory beside what serves. Begins with the model's name and a space."""
    load_s: float = 0.0
    """Of the last load; 0 before the first one."""


@dataclass(eq=False, slots=True)
class _Model:
    """One configured model."""

    raw: Mapping[str, Any]
    """The plain values of its PoolMember, compared at each change."""
    wanted: _Config
    good: _Config | None = None
    """What serves, in memory or not; None until a load has succeeded."""
    server: ModelServer | None = None
    """Serves `good`."""
    rejected: str = ""
    """The fingerprint of a configuration that could not be loaded."""
    reason: str = ""
    """Why."""
    loading: "asyncio.Task[None] | None" = None
    candidate: _Config | None = None
    """What `loading` loads."""
    loads: int = 0
    evictions: int = 0

    @property
    def name(self) -> str:
        return self.wanted.member.args.spec.name

    @property
    def next(self) -> _Config | None:
        """What to load next: the wanted configuration unless it was rejected, else the one that is known to work."""
        if self.wanted.fingerprint != self.rejected and (self.server is None or self.good is not self.wanted):
            return self.wanted
        return self.good if self.server is None else None


class Pool:
    """Created and called on the event loop."""

    def __init__(
        self,
        budget: MemoryBudget,
        dispatch: Callable[[Callable[[str], Awaitable[Dispatch]]], PoolDispatch],
        load: Callable[[ModelArgs], Awaitable[ModelServer]],
        *,
        measure: Callable[[], int],
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dispatch` makes the pool's dispatch from what loads a model for a request; `load` loads a model; `measure` returns the
        bytes that this process has allocated; `changed` is called when what the models serve has changed."""
        self._budget = budget
        self._load = load
        self._measure = measure
        self._changed = changed
        self._clock = clock
        self._models: dict[str, _Model] = {}
        self._estimates = SizeEstimates()
        self._thrashing = Thrashing(clock)
        self._slots = asyncio.Semaphore(MAX_LOADS)
        self._freed = asyncio.Event()
        """Replaced when memory was freed, so that loads that wait for it try again."""
        self._configs = count()
        self._queue: deque[str] = deque()
        """Models that are loaded without a request: changed ones, then eager ones."""
        self._background: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self.metrics = PoolMetrics()
        self.dispatch = dispatch(self._load_for_request)

    # Changes

    def configure(self, members: Mapping[str, Mapping[str, Any]]) -> None:
        """Hold these models from now on, by name; each is a PoolMember's plain values, its fingerprint and perhaps more."""
        for name in [*self._models.keys() - members.keys()]:
            self._remove(name)
        for name, raw in members.items():
            known = self._models.get(name)
            if known is None:
                self._add(raw)
            elif known.raw != raw:
                self._change(known, raw)
        if self._queue and (self._background is None or self._background.done()):
            self._background = asyncio.create_task(self._load_in_background())
        self._changed()

    def _add(self, raw: Mapping[str, Any]) -> None:
        model = _Model(raw, self._enter(raw))
        config = model.wanted
        self._models[model.name] = model
        self._let_wait(model)
        if config.member.load == "eager" or config.member.pinned:
            self._queue.append(model.name)

    def _change(self, model: _Model, raw: Mapping[str, Any]) -> None:
        model.raw = raw
        fingerprint = raw["fingerprint"]
        if model.wanted.fingerprint != fingerprint:
            before, model.rejected, model.reason = model.wanted, "", ""
            if model.good is not None and model.good.fingerprint == fingerprint:
                model.wanted = model.good  # back to what serves
            else:
                model.wanted = self._enter(raw)
            if before not in (model.good, model.candidate):
                self._leave(before)
        model.wanted.member = _member(raw)
        self._budget.pin(model.wanted.key, model.wanted.member.pinned)
        if model.wanted is model.good or model.good is None:
            self._apply_settings(model)
        if model.wanted is not model.good and (model.good is not None or model.wanted.member.load == "eager"):
            self._queue.appendleft(model.name)

    def _apply_settings(self, model: _Model) -> None:
        if model.server is None:
            self._let_wait(model)
        else:
            model.server.configure(model.wanted.member.settings)
            self.dispatch.set_loaded(model.server.dispatch)

    def _remove(self, name: str) -> None:
        model = self._models.pop(name)
        self.dispatch.remove(name)
        if model.server is not None and model.good is not None:
            self._retire(model.server, model.good, forget=True)
        elif model.good not in (None, model.candidate):
            self._leave(model.good)
        if model.wanted not in (model.good, model.candidate):
            self._leave(model.wanted)

    def _enter(self, raw: Mapping[str, Any]) -> _Config:
        member = _member(raw)
        config = _Config(member, raw["fingerprint"], f"{member.args.spec.name} {next(self._configs)}")
        self._budget.add(config.key, size_bytes=0, load_s=FIRST_LOAD_S, pinned=member.pinned)
        return config

    def _leave(self, config: _Config | None) -> None:
        if config is None:
            return
        if config.key in self._budget.entries:
            self._budget.remove(config.key)
            self._memory_freed()

    def _let_wait(self, model: _Model) -> None:
        """Requests to this model wait until it is loaded."""
        config = model.good or model.wanted
        settings = config.member.settings
        names = VersionNames(
            [each.number for each in config.member.args.versions], settings.default, settings.version_labels
        )
        self.dispatch.set_waiting(settings.applied_to(config.member.args.spec), names)

    # Loads

    async def _load_for_request(self, name: str) -> Dispatch:
        """See `pooled_model.Load`. All requests that wait for a model share one load."""
        model = self._models[name]
        if (config := model.next) is None and model.server is None:
            raise _unavailable(model)
        if config is not None and model.loading is None:
            if self._thrashing.is_on():
                self.metrics.rejected()
                raise _too_busy(self._thrashing.ends_in_s())
            self._start(model)
        if model.loading is not None:
            await asyncio.shield(model.loading)
        if model.server is None:
            raise _unavailable(model)
        return model.server.dispatch

    async def _load_in_background(self) -> None:
        while self._queue:
            model = self._models.get(self._queue.popleft())
            if model is None or (config := model.next) is None:
                continue
            if model.loading is None:
                if model.good is None and not config.member.pinned and not await self._fits(config):
                    self._changed()
                    continue  # its first request loads it, and evicts others
                self._start(model)
            if model.loading is not None:
                await asyncio.wait([model.loading])

    async def _fits(self, config: _Config) -> bool:
        with suppress(OSError):  # the load reports it
            await self._estimate(config)
        budget = self._budget
        return (
            config.key in budget.entries
            and budget.used_bytes + budget.entries[config.key].size_bytes <= budget.budget_bytes
        )

    async def _estimate(self, config: _Config) -> int:
        """Estimate the memory of a configuration that was never loaded. Returns the bytes of its files. Raises OSError."""
        args = config.member.args
        size = await asyncio.to_thread(artefact_bytes, args)  # a disk may hang
        if not config.load_s and config.key in self._budget.entries:
            self._budget.resize(config.key, self._estimates.estimate_bytes(args.runtime, size))
        return size

    def _start(self, model: _Model) -> None:
        model.loading = asyncio.create_task(self._load_next(model))
        model.loading.add_done_callback(lambda _: setattr(model, "loading", None))

    async def _load_next(self, model: _Model) -> None:
        """Load the wanted configuration; if that fails and nothing serves, the one that is known to work."""
        self._changed()
        while self._is_current(model) and (config := model.next) is not None:
            model.candidate = config
            try:
                await self._load_config(model, config)
            except Exception as error:  # noqa: BLE001 - every error of a model is its own
                self._failed(model, config, error)
            finally:
                model.candidate = None
        self._changed()

    def _is_current(self, model: _Model, config: _Config | None = None) -> bool:
        """Whether the model is configured, with this configuration."""
        return self._models.get(model.name) is model and config in (None, model.wanted, model.good)

    async def _load_config(self, model: _Model, config: _Config) -> None:
        async with self._slots:
            files_bytes = await self._estimate(config)
            await self._reserve(config)
            self._thrashing.load_begins(config.key)
            try:
                before, started = self._measure(), self._clock()
                server = await self._load(config.member.args)
                load_s, size = self._clock() - started, model_bytes(before, self._measure())
            except BaseException:
                self._budget.freed(config.key)
                self._memory_freed()
                raise
            finally:
                self._thrashing.load_ends(config.key)
        self._estimates.observe(config.member.args.runtime, files_bytes, size)
        model.loads += 1
        config.load_s = load_s
        self.metrics.loaded(model.name)
        self._admit(config, server, size, load_s)
        if not self._is_current(model, config):  # it has changed again, or was removed
            self._budget.drain(config.key)
            self._retire(server, config, forget=True)
            return
        self._serve(model, config, server)

    async def _reserve(self, config: _Config) -> None:
        """Make room for a load. Raises CannotLoad."""
        while True:
            self._count_requests()
            freed = self._freed
            decision = self._budget.request(config.key)
            if isinstance(decision, CannotFit):
                raise CannotLoad(decision.reason)
            if isinstance(decision, Load):
                self._evict(decision.evict)
                return
            self._drain(decision.drain)
            await freed.wait()

    def _admit(self, config: _Config, server: ModelServer, size: int, load_s: float) -> None:
        """Enter a load's measurements into the budget. Raises CannotLoad if the model is larger than there is room for."""
        self._count_requests()
        correction = self._budget.loaded(config.key, size, load_s)
        if isinstance(correction, CannotFit):
            server.close()
            self._memory_freed()
            raise CannotLoad(correction.reason)
        self._evict(correction.evict)
        self._drain(correction.drain)

    def _serve(self, model: _Model, config: _Config, server: ModelServer) -> None:
        """Let this serve the model's requests from now on."""
        before, retired = model.server, model.good
        server.configure(config.member.settings)
        self.dispatch.set_loaded(server.dispatch)
        self.metrics.add(server)
        model.server, model.good = server, config
        if before is not None and retired is not None:
            self._budget.drain(retired.key)
            self._retire(before, retired, forget=retired is not config)
        elif retired is not None and retired is not config:
            self._leave(retired)

    def _failed(self, model: _Model, config: _Config, error: Exception) -> None:
        if not self._is_current(model, config):
            self._leave(config)
            return
        kind, text = type(error).__name__, str(error)
        reason = text if isinstance(error, (CannotLoad, ModelyardError)) else describe_error(kind, text)
        model.rejected, model.reason = config.fingerprint, reason
        logger.warning("model %s cannot be loaded: %s", model.name, reason)
        if config is model.good:
            model.good = None  # its files are gone, or it needs more memory than before
            self._let_wait(model)

    # Memory

    def _evict(self, keys: tuple[str, ...]) -> None:
        """Free models that have no open request."""
        self._thrashing.evicted(*keys)
        for model in self._of(keys):
            self._unload(model)

    def _drain(self, keys: tuple[str, ...]) -> None:
        """Free models when their open requests have ended."""
        for model in self._of(keys):
            self._unload(model)

    def _unload(self, model: _Model) -> None:
        server, config = model.server, model.good
        if server is None or config is None:
            return
        model.server = None
        model.evictions += 1
        self.metrics.evicted(model.name)
        self._let_wait(model)
        self._retire(server, config, forget=False)
        self._changed()

    def _of(self, keys: tuple[str, ...]) -> Iterator[_Model]:
        for key in keys:
            yield self._models[key.partition(" ")[0]]

    def _retire(self, server: ModelServer, config: _Config, *, forget: bool) -> None:
        """Close a server that gets no more requests, when its open ones have ended; then its memory is free."""
        task = asyncio.create_task(self._close_drained(server, config, forget=forget))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _close_drained(self, server: ModelServer, config: _Config, *, forget: bool) -> None:
        await server.drained()
        server.close()
        self.metrics.retire(server)
        await asyncio.to_thread(server.end_traces)
        if config.key in self._budget.entries:
            if forget:
                self._budget.remove(config.key)
            else:
                self._budget.freed(config.key)
        self._memory_freed()

    def _memory_freed(self) -> None:
        self._freed.set()
        self._freed = asyncio.Event()

    def _count_requests(self) -> None:
        """Tell the budget which models are in use. Only before a decision: a request itself costs nothing."""
        for model in self._models.values():
            if model.server is None or model.good is None:
                continue
            entry = self._budget.entries[model.good.key]
            entry.in_flight = model.server.open_requests
            if (requests := model.server.requests) != entry.requests:
                entry.requests, entry.used_since_scan = requests, True

    # State

    def reports(self) -> dict[str, ModelReport]:
        """The state of each model, by name."""
        return {name: self._report(model) for name, model in self._models.items()}

    def servers(self) -> Iterator[ModelServer]:
        """The models that are loaded."""
        return (model.server for model in self._models.values() if model.server is not None)

    def _report(self, model: _Model) -> ModelReport:
        serves = model.good or (None if model.rejected or self._must_load(model) else model.wanted)
        resident = model.server is not None and model.good is not None
        residency: Residency = "RESIDENT" if resident else "LOADING" if model.loading or not serves else "COLD"
        if not serves and model.rejected:
            residency = "FAILED"
        entry = self._budget.entries.get(model.good.key) if model.good else None
        return ModelReport(
            residency=residency,
            fingerprint=serves.fingerprint if serves else "",
            rejected=model.rejected,
            reason=model.reason,
            resident_bytes=entry.size_bytes if entry and resident else 0,
            load_s=model.good.load_s if model.good else 0.0,
            loads=model.loads,
            evictions=model.evictions,
        )

    def _must_load(self, model: _Model) -> bool:
        """Whether a model that was never loaded waits for its first load."""
        return model.loading is not None or model.name in self._queue

    # Requests of operators

    async def load(self, name: str) -> None:
        """Return when a model is loaded. Raises the error of the load, and ModelNotFound."""
        await self.dispatch.named(name).loaded()

    async def evict(self, name: str) -> None:
        """Release a model when its open requests have ended; its next request loads it again.

        Raises ModelNotFound, and NotSupported for a pinned model.
        """
        self.dispatch.named(name)
        model = self._models[name]
        if model.wanted.member.pinned:
            raise NotSupported(f"model {name!r} is pinned; set `pinned: false` in its file on the server")
        if model.server is not None and model.good is not None:
            self._budget.drain(model.good.key)
            self._unload(model)


def artefact_bytes(args: ModelArgs) -> int:
    """The size of the files of all versions."""
    total = 0
    for version in args.versions:
        folder = args.repository / args.spec.folder / str(version.number)
        total += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return total


def _member(raw: Mapping[str, Any]) -> PoolMember:
    return PoolMember.from_plain({key: raw[key] for key in PoolMember.model_fields})


def _unavailable(model: _Model) -> ModelNotReady:
    error = ModelNotReady(f"model {model.name!r} is UNAVAILABLE" + (f": {model.reason}" if model.reason else ""))
    error.retry_after_s = 30
    return error


def _too_busy(seconds: float) -> ModelNotReady:
    error = ModelNotReady(
        "the models of this pool do not fit into its memory together: it spends most of its time loading them"
    )
    error.retry_after_s = max(1, round(seconds))
    return error
