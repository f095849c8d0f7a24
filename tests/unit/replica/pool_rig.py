"""A pool whose loads end when the test says so, with fake servers, a fake dispatch, and simulated time."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.protocols.versions import VersionNames
from modelyard.ray_serve.application import ModelArgs, ModelSettings, PoolMember, RequestLogArgs
from modelyard.ray_serve.pool_report import ModelReport
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.model_server import ModelServer
from modelyard.replica.pool import Pool
from modelyard.replica.pool_dispatch import PoolDispatch
from modelyard.replica.process_memory import ProcessHeap
from modelyard.repository.resolve import ServedVersion
from modelyard.residency.budget import MemoryBudget
from modelyard.telemetry.metrics.declarations import REQUESTS
from modelyard.telemetry.metrics.snapshot import MetricsSnapshot, Totals
from tests.fakes import FakeClock
from tests.simulated_loop import SimulatedLoop, until

MB = 2**20
BUDGET = 100 * MB


def member(name: str, *, digest: str = "sha256:1", load: str = "lazy", pinned: bool = False, **keys: Any) -> dict:
    """The plain values of a pool's member, as control writes them."""
    spec = ModelSpec.model_validate({"name": name, **keys})
    args = ModelArgs(
        spec=spec,
        runtime="onnx",
        versions=(ServedVersion(1, digest),),
        repository=Path("/models"),
        replicas=Path("/replicas"),
        request_log=RequestLogArgs(folder=Path("/logs"), share=0.0, slow_s=60.0, behind_edge=False),
        tracing=None,
    )
    plain = PoolMember(args=args, settings=ModelSettings.of(spec, 1), load=load, pinned=pinned).to_plain()
    return {**plain, "fingerprint": PoolMember.fingerprint(plain["args"])}


class FakeServer:
    """A loaded model. The test sets its open requests."""

    def __init__(self, rig: "Rig", args: ModelArgs, size: int) -> None:
        self.args = args
        self.spec = args.spec
        self.digest = args.versions[0].digest
        self.size = size
        self.dispatch = SimpleNamespace(spec=args.spec, server=self)
        self.settings: ModelSettings | None = None
        self.open_requests = 0
        self.requests = 0
        self.is_calling = False
        self.is_traced = False
        self.closed = False
        self._rig = rig

    def configure(self, settings: ModelSettings) -> None:
        assert not self.closed
        self.settings = settings
        self.spec = self.dispatch.spec = settings.applied_to(self.args.spec)

    async def drained(self) -> None:
        while self.open_requests:
            await asyncio.sleep(0)

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True
        if self._rig.leaves_behind:
            self._rig.leftovers += self.size
        elif not self.is_calling and not self._rig.releases_later:
            self._rig.allocated -= self.size

    async def released(self) -> None:
        if self._rig.releases_later:
            await asyncio.sleep(0)
            self._rig.allocated -= self.size

    @property
    def completed(self) -> int:
        return self.requests

    def stuck_call(self) -> str:
        return f"a call of {self.spec.name} hangs" if self.is_calling else ""

    def snapshot(self) -> MetricsSnapshot:
        totals = Totals()
        totals.counters[(REQUESTS.name, self.spec.name, "1", "ok", "predict")] = self.requests
        return MetricsSnapshot(totals, {}, {})


class FakePooled:
    """What the dispatch knows of one model."""

    def __init__(self) -> None:
        self.waiting = 0
        self.dispatch: Any = None
        self.spec: ModelSpec | None = None


class FakeDispatch:
    """Holds what the pool has set, and waits for loads as the real one does."""

    def __init__(self, load: Callable[[str], Awaitable[Dispatch]]) -> None:
        self.load = load
        self.models: dict[str, FakePooled] = {}

    def set_waiting(self, spec: ModelSpec, names: VersionNames) -> None:
        model = self.models.setdefault(spec.name, FakePooled())
        model.dispatch, model.spec = None, spec

    def set_loaded(self, dispatch: Any) -> None:
        model = self.models[dispatch.spec.name]
        assert not dispatch.server.closed
        model.dispatch, model.spec = dispatch, dispatch.spec

    def remove(self, name: str) -> None:
        del self.models[name]

    def get(self, name: str) -> FakePooled | None:
        return self.models.get(name)

    def named(self, name: str) -> FakePooled:
        if name not in self.models:
            raise ModelNotFound(f"there is no model {name!r}")
        return self.models[name]


class Rig:
    """Created on the event loop."""

    def __init__(self, clock: FakeClock, budget_bytes: int = BUDGET) -> None:
        self.clock = clock
        self.allocated = 0
        self.begun: list[str] = []
        """Names and digests of loads, in their order."""
        self.loads: dict[str, asyncio.Future[int]] = {}
        """Loads that run, by name and digest; the result is the model's size."""
        self.files: dict[str, int] = {}
        """Bytes of files, by the model's name; 1 MB for others."""
        self.servers: list[FakeServer] = []
        self.quarantined: dict[str, str] = {}
        """Reasons by fingerprint."""
        self.changes = 0
        self.collections = 0
        self.leftovers = 0
        """Bytes that released models have left behind, part of `allocated`."""
        self.releases_later = False
        """Whether models are released a little after they are closed."""
        self.leaves_behind = False
        """Whether models do that."""
        self.pool = Pool(
            MemoryBudget(budget_bytes, clock),
            lambda load: cast(PoolDispatch, FakeDispatch(load)),
            self._load,
            heap=ProcessHeap(lambda: self.allocated, self._collect, clock),
            changed=self._changed,
            prepare=self._prepare,
            quarantine=lambda name, fingerprint: self.quarantined.get(fingerprint, ""),
            clock=clock,
        )
        self.dispatch = cast(FakeDispatch, self.pool.dispatch)
        self.members: dict[str, dict] = {}

    # What the test does

    def configure(self, *members: dict) -> None:
        self.members = {each["args"]["spec"]["name"]: each for each in members}
        self.pool.configure(self.members)

    def change(self, *members: dict) -> None:
        """Add or replace these, and keep the others."""
        self.configure(*{**self.members, **{each["args"]["spec"]["name"]: each for each in members}}.values())

    async def finish(self, name: str, size: int = MB, *, seconds: float = 0.0, digest: str = "sha256:1") -> FakeServer:
        """Let a load succeed, when it has begun."""
        loading = await self.loading(name, digest)
        self.clock.advance(seconds)
        loading.set_result(size)
        await self.settle()
        return self.server(name)

    async def fail(self, name: str, error: Exception, digest: str = "sha256:1") -> None:
        (await self.loading(name, digest)).set_exception(error)
        await self.settle()

    async def loading(self, name: str, digest: str = "sha256:1") -> asyncio.Future[int]:
        key = f"{name} {digest}"
        await until(lambda: key in self.loads)
        return self.loads.pop(key)

    def request(self, name: str) -> "asyncio.Task[Any]":
        """A request, which ends as soon as the model is there. Its result is the server."""

        async def respond() -> Any:
            pooled = self.dispatch.named(name)
            if pooled.dispatch is None:
                pooled.waiting += 1
                try:
                    dispatch = await self.dispatch.load(name)
                finally:
                    pooled.waiting -= 1
            else:
                dispatch = pooled.dispatch
            server = cast(Any, dispatch).server
            assert not server.closed, "a request began on a closed model"
            server.requests += 1
            return server

        return asyncio.ensure_future(respond())

    async def load(self, name: str, size: int = MB, *, seconds: float = 0.1) -> FakeServer:
        """Load a cold model by a request."""
        asked = self.request(name)
        server = await self.finish(name, size, seconds=seconds)
        assert await asked is server
        return server

    async def load_or_raise(self, name: str, size: int, *, seconds: float) -> None:
        """The same, or the error of a request that begins no load."""
        asked = self.request(name)
        await until(lambda: self.loads or asked.done())
        if not asked.done():
            await self.finish(name, size, seconds=seconds)
        await asked

    def evict(self, name: str) -> None:
        [key] = (usage.key for usage in self.pool.usage() if usage.key.partition(" ")[0] == name)
        unloaded = self.pool.unload(key)
        assert unloaded
        self.pool._memory.retire(*unloaded)

    def server(self, name: str) -> FakeServer:
        pooled = self.dispatch.get(name)
        return cast(FakeServer, pooled.dispatch.server if pooled and pooled.dispatch else None)

    def report(self, name: str) -> ModelReport:
        return self.pool.reports()[name]

    def resident(self) -> set[str]:
        return {name for name, report in self.pool.reports().items() if report.residency == "RESIDENT"}

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    # What the pool calls

    async def _load(self, args: ModelArgs) -> ModelServer:
        key = f"{args.spec.name} {args.versions[0].digest}"
        self.begun.append(key)
        assert key not in self.loads, "the same is loaded twice at once"
        self.loads[key] = asyncio.get_running_loop().create_future()
        size = await self.loads[key]
        self.allocated += size
        self.servers.append(FakeServer(self, args, size))
        return cast(ModelServer, self.servers[-1])

    async def _collect(self) -> None:
        self.collections += 1
        await asyncio.sleep(0)
        self.allocated -= self.leftovers
        self.leftovers = 0

    def _prepare(self, args: ModelArgs) -> Future[int]:
        done: Future[int] = Future()
        done.set_result(self.files.get(args.spec.name, MB))
        return done

    def _changed(self) -> None:
        self.changes += 1


def run_pool(test: Callable[[Rig], Awaitable[None]], budget_bytes: int = BUDGET) -> None:
    """Run a test with a rig, in simulated time."""
    clock = FakeClock()
    problems: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        await test(Rig(clock, budget_bytes))

    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(clock)) as runner:
        runner.run(main())
    assert not problems
