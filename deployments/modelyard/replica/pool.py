"""The models of a pool in one replica: which are loaded, what is loaded next, and what each serves.

A change of a model loads a candidate beside the version that serves. When it is loaded, verified and warm, one assignment makes it
serve; open requests end on the version before. A candidate that cannot be loaded gets no requests.

Everything runs on the event loop. Between two awaits nothing changes; after each one, the code checks again what it relies on.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from itertools import count
from typing import Any

from modelyard.errors import ModelNotReady, ModelyardError, NotSupported
from modelyard.inference.worker import Worker
from modelyard.protocols.versions import VersionNames
from modelyard.ray_serve.application import ModelArgs
from modelyard.ray_serve.application_status import describe_error
from modelyard.ray_serve.pool_report import ModelReport
from modelyard.replica.background_loads import BackgroundLoads
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.load_slots import LoadSlots
from modelyard.replica.model_server import ModelServer
from modelyard.replica.pool_dispatch import PoolDispatch
from modelyard.replica.pool_memory import PoolMemory, Usage
from modelyard.replica.pool_metrics import PoolMetrics
from modelyard.replica.pool_state import CannotLoad, Configuration, ModelState, artefact_bytes, member_of, too_busy
from modelyard.replica.process_memory import ProcessHeap
from modelyard.replica.retired_servers import RetiredServers
from modelyard.residency.budget import MemoryBudget
from modelyard.residency.thrashing import Thrashing
from modelyard.runtimes.registry import runtime

TIMER_SLACK_S = 0.1
"""A timer may fire a little early."""

logger = logging.getLogger("ray.serve")


def prepare(args: ModelArgs) -> Future[int]:
    """Import a model's runtime, and read the size of its files: in a thread of its own, because a disk may hang.

    So the memory of a framework does not count as that of its first model. The future raises LoadError and OSError.
    """

    def run() -> int:
        runtime(args.runtime)
        return artefact_bytes(args)

    worker = Worker("modelyard-files")
    size = worker.call(run)
    worker.stop()
    return size


class Pool:
    """Created and called on the event loop."""

    def __init__(
        self,
        budget: MemoryBudget,
        dispatch: Callable[[Callable[[str], Awaitable[Dispatch]]], PoolDispatch],
        load: Callable[[ModelArgs], Awaitable[ModelServer]],
        *,
        heap: ProcessHeap,
        changed: Callable[[], None] = lambda: None,
        prepare: Callable[[ModelArgs], Future[int]] = prepare,
        quarantine: Callable[[str, str], str] = lambda name, fingerprint: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dispatch` makes the pool's dispatch from what loads a model for a request; `load` loads a model; `heap` is that
        of this process; `changed` is called when what the models serve has changed; `prepare` returns the size of a model's files;
        `quarantine` returns why a model with these arguments must not be loaded, or ""."""
        self._load = load
        self._changed = changed
        self._prepare = prepare
        self._quarantine = quarantine
        self._clock = clock
        self._models: dict[str, ModelState] = {}
        self._thrashing = Thrashing(clock)
        self.metrics = PoolMetrics()
        self._retired = RetiredServers(self.metrics)
        self._memory = PoolMemory(budget, self._thrashing, self, self._retired, heap)
        self._slots = LoadSlots()
        self._configs = count()
        self._background = BackgroundLoads(self._load_without_request, changed)
        self.dispatch = dispatch(self._load_for_request)
        self.dispatch.not_ready = self.not_ready

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
        self._memory.try_again()  # a model may have been removed, or may be evicted now
        self._changed()

    def _add(self, raw: Mapping[str, Any]) -> None:
        model = ModelState(raw, self._enter(raw))
        self._models[model.name] = model
        self._let_wait(model)
        if _is_eager(model):
            self._background.add(model)

    def _change(self, model: ModelState, raw: Mapping[str, Any]) -> None:
        was_eager, before, fingerprint = _is_eager(model), model.wanted, raw["fingerprint"]
        model.raw = raw
        if changed := before.fingerprint != fingerprint:
            known = (each for each in (model.good, model.candidate) if each and each.fingerprint == fingerprint)
            model.wanted = next(known, None) or self._enter(raw)
            if before not in (model.good, model.candidate):
                self._memory.leave(before)
        model.wanted.member = member_of(raw)
        self._pin(model)
        if model.good in (None, model.wanted):
            self._apply_settings(model)
        if model.wanted is not model.good and (model.good is not None or changed or _is_eager(model)):
            self._background.add(model, first=True)  # a lazy one too: what cannot be loaded is rolled back
        elif _is_eager(model) and not was_eager and model.server is None:
            self._background.add(model)

    def _apply_settings(self, model: ModelState) -> None:
        if model.server is None:
            self._let_wait(model)
        else:
            model.server.configure(model.wanted.member.settings)
            self.dispatch.set_loaded(model.server.dispatch)

    def _remove(self, name: str) -> None:
        model = self._models.pop(name)
        self.dispatch.remove(name)
        if model.server is not None and model.good is not None:
            self._memory.retire(model.server, model.good)
        for config in {model.good, model.wanted}:
            if config is not None and config is not model.candidate:
                self._memory.leave(config)

    def _enter(self, raw: Mapping[str, Any]) -> Configuration:
        member = member_of(raw)
        config = Configuration(member, raw["fingerprint"], f"{member.args.spec.name} {next(self._configs)}")
        self._memory.enter(config)
        if reason := self._quarantine(member.args.spec.name, config.fingerprint):
            logger.error("model %s is not loaded: %s", member.args.spec.name, reason)
            config.quarantine(reason)
        return config

    def _pin(self, model: ModelState) -> None:
        """A version that another one replaces is not pinned: a model that has no room twice is evicted for its candidate."""
        pinned = model.wanted.member.pinned
        self._memory.pin(model.wanted, pinned)
        if model.good is not None and model.good is not model.wanted:
            self._memory.pin(model.good, pinned and bool(model.wanted.error))

    def _let_wait(self, model: ModelState) -> None:
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
        while (model := self._models.get(name)) is not None:
            if model.server is not None:
                return model.server.dispatch
            if model.loading is None:
                if model.next(self._clock()) is None:
                    raise model.unavailable(self._clock())
                if self._thrashing.is_on():
                    self.metrics.rejected()
                    raise too_busy(self._thrashing.ends_in_s())
            loading = model.loading or self._start(model)
            await model.progress.wait()
            if loading.done():
                loading.result()  # raises what is wrong with the pool itself
        self.dispatch.named(name)  # raises the error for a name that the pool does not have
        raise AssertionError(name)

    def not_ready(self, name: str) -> ModelNotReady | None:
        """See `PoolDispatch.not_ready`."""
        model = self._models.get(name)
        return None if model is None else model.not_ready(self._clock())

    async def _load_without_request(self, model: ModelState) -> None:
        """See `BackgroundLoads`."""
        while (config := model.next(self._clock())) is not None and self.is_used(config):
            if model.loading is None and model.good is None and not config.member.pinned:
                fits = await self._fits(config)
                if model.wanted is not config:
                    continue  # it has changed meanwhile
                if not fits:
                    return  # its first request loads it, and evicts others
            await asyncio.wait([model.loading or self._start(model)])
            return  # it may be evicted already

    async def _fits(self, config: Configuration) -> bool:
        try:
            await self._estimate(config)
        except Exception:  # noqa: BLE001 - whatever is wrong with the model
            return True  # the load reports it
        return self._memory.has_room(config)

    async def _estimate(self, config: Configuration) -> None:
        """Estimate the memory of a configuration that was never loaded. Raises what `prepare` does."""
        if config.files_bytes is None:
            config.files_bytes = await asyncio.wrap_future(self._prepare(config.member.args))
        self._memory.estimate(config, config.files_bytes)

    def _start(self, model: ModelState) -> asyncio.Task[None]:
        model.loading = asyncio.create_task(self._load_next(model))
        return model.loading

    async def _load_next(self, model: ModelState) -> None:
        """Load the wanted configuration; if that fails and nothing serves, the one that is known to work."""
        try:
            self._changed()
            while (config := model.next(self._clock())) is not None and self.is_used(config):
                model.candidate = config
                try:
                    await self._load_config(model, config)
                    if config is model.wanted or model.wanted.error:
                        break  # even if it is evicted already
                except Exception as error:  # noqa: BLE001 - every error of a model is its own
                    self._failed(model, config, error)
                finally:
                    model.candidate = None
        finally:
            model.loading = None
            model.wake()
            self._changed()

    async def _load_config(self, model: ModelState, config: Configuration) -> None:
        async with self._slots.slot():
            await self._estimate(config)
            await self._memory.reserve(config)
            measurement = self._memory.begin(config)
            started = self._clock()
            try:
                server = await self._load(config.member.args)
            except BaseException:
                self._memory.failed(config, measurement)
                raise
        load_s = self._clock() - started
        model.loads += 1
        self.metrics.loaded(model.name)
        self._memory.admit(config, server, measurement, load_s)
        config.loaded(load_s)
        if self.is_used(config):
            self._serve(model, config, server)
        else:  # it has changed again, or was removed
            self._memory.retire(server, config)

    def _serve(self, model: ModelState, config: Configuration, server: ModelServer) -> None:
        """Let this serve the model's requests from now on."""
        before, retired = model.server, model.good
        server.configure(config.member.settings)
        self.dispatch.set_loaded(server.dispatch)
        self.metrics.add(server)
        model.server, model.good = server, config
        model.wake()
        self._pin(model)
        if before is not None and retired is not None:
            self._memory.retire(before, retired)
        if retired is not None and not model.uses(retired):
            self._memory.leave(retired)

    def _failed(self, model: ModelState, config: Configuration, error: Exception) -> None:
        if not self.is_used(config):
            self._memory.leave(config)
            return
        kind, text = type(error).__name__, str(error)
        reason = text if isinstance(error, (CannotLoad, ModelyardError)) else describe_error(kind, text)
        pause_s = config.failed(reason, self._clock(), slow=isinstance(error, TimeoutError))
        logger.warning("model %s cannot be loaded: %s", model.name, reason)
        self._pin(model)
        asyncio.get_running_loop().call_later(pause_s + TIMER_SLACK_S, self._retry, model, config)

    def _retry(self, model: ModelState, config: Configuration) -> None:
        """Load a model again that nothing serves: its files may be back."""
        if self.is_used(config) and config.error and model.server is None and not self._thrashing.is_on():
            self._background.add(model)

    # What `PoolMemory` calls

    def usage(self) -> Iterator[Usage]:
        """See `Residents`."""
        for model in self._models.values():
            if (server := model.server) is not None and model.good is not None:
                yield Usage(model.good.key, server.open_requests + server.is_calling, server.completed)

    def are_awaited(self) -> bool:
        """See `Residents`."""
        return any(
            model.server is not None and (pooled := self.dispatch.get(model.name)) is not None and pooled.waiting
            for model in self._models.values()
        )

    def unload(self, key: str) -> tuple[ModelServer, Configuration] | None:
        """See `Residents`."""
        model = self._models[key.partition(" ")[0]]
        if model.good is None or model.good.key != key or (unloaded := self._unload(model)) is None:
            return None
        model.evictions += 1
        self.metrics.evicted(model.name)
        return unloaded

    def is_used(self, config: Configuration) -> bool:
        """See `Residents`."""
        model = self._models.get(config.member.args.spec.name)
        return model is not None and model.uses(config)

    def _unload(self, model: ModelState) -> tuple[ModelServer, Configuration] | None:
        server, config = model.server, model.good
        if server is None or config is None:
            return None
        model.server = None
        self._let_wait(model)
        self._changed()
        return server, config

    # Requests of operators

    async def load(self, name: str) -> None:
        """Return when a model is loaded. Raises the error of the load, and ModelNotFound."""
        await self.dispatch.named(name).loaded()

    async def evict(self, name: str) -> None:
        """Release a model when its open requests have ended; its next request loads it again. Not counted as an eviction.

        Raises ModelNotFound, and NotSupported for a pinned model.
        """
        self.dispatch.named(name)
        model = self._models[name]
        if model.wanted.member.pinned:
            raise NotSupported(f"model {name!r} is pinned; set `pinned: false` in its file on the server")
        if unloaded := self._unload(model):
            self._memory.retire(*unloaded)

    # State

    def reports(self) -> dict[str, ModelReport]:
        """The state of each model, by name."""
        return {
            name: model.report(self._memory.size_bytes(model.good) if model.good else 0)
            for name, model in self._models.items()
        }

    def servers(self) -> Iterator[ModelServer]:
        """The models that are loaded."""
        return (model.server for model in self._models.values() if model.server is not None)

    def stuck_calls(self) -> list[str]:
        """Which calls of models hang, those of models that were replaced or evicted since too."""
        return [reason for server in (*self.servers(), *self._retired) if (reason := server.stuck_call())]


def _is_eager(model: ModelState) -> bool:
    member = model.wanted.member
    return member.load == "eager" or member.pinned
