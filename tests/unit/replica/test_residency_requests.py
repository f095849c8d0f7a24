"""Operators load and evict the models of a pool by request."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound, ModelNotReady, NotSupported
from modelyard.ray_serve.application import ModelArgs, ModelSettings, PoolMember, RequestLogArgs
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.model_server import ModelServer
from modelyard.replica.pool import Pool
from modelyard.replica.pool_dispatch import PoolDispatch
from modelyard.replica.process_memory import ProcessHeap
from modelyard.repository.resolve import ServedVersion
from modelyard.residency.budget import MemoryBudget
from modelyard.telemetry.metrics.snapshot import MetricsSnapshot, Totals


def member(name: str, *, pinned: bool = False) -> dict[str, Any]:
    """The plain values of a lazy model."""
    spec = ModelSpec.model_validate({"name": name})
    args = ModelArgs(
        spec=spec,
        runtime="onnx",
        versions=(ServedVersion(1, "sha256:1"),),
        repository=Path("/models"),
        replicas=Path("/replicas"),
        request_log=RequestLogArgs(folder=Path("/logs"), share=0.0, slow_s=60.0, behind_edge=False),
        tracing=None,
    )
    plain = PoolMember(args=args, settings=ModelSettings.of(spec, 1), load="lazy", pinned=pinned).to_plain()
    return {**plain, "fingerprint": PoolMember.fingerprint(plain["args"])}


class FakeServer:
    """A loaded model. The test sets its open requests."""

    open_requests = requests = completed = 0
    is_calling = is_traced = False

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.dispatch = SimpleNamespace(spec=spec, http_endpoints={}, grpc_endpoints=_Endpoints())
        self.dispatch.resume = lambda: None
        self.dispatch.retire = lambda successor: None
        self.closed = False

    def configure(self, settings: ModelSettings) -> None:
        """It has no settings."""

    async def drained(self) -> None:
        while self.open_requests:
            await asyncio.sleep(0)

    def close(self) -> None:
        self.closed = True

    async def released(self) -> None:
        pass

    def snapshot(self) -> MetricsSnapshot:
        return MetricsSnapshot(Totals(), {}, {})


def _prepare(args: ModelArgs) -> "Future[int]":
    size: Future[int] = Future()
    size.set_result(1)
    return size


class _Endpoints(dict[bytes, object]):
    def __missing__(self, path: bytes) -> object:
        return object()


class PoolOfFakes:
    """A pool with `a`, which is lazy, and `b`, which is pinned and loaded at once."""

    def __init__(self) -> None:
        self.servers: list[FakeServer] = []
        self.error: Exception | None = None

        def dispatch(load: Callable[[str], Awaitable[Dispatch]]) -> PoolDispatch:
            return PoolDispatch("/_pool.small", load, others=cast(Any, None))

        heap = ProcessHeap(lambda: 0, lambda: asyncio.sleep(0))
        self.pool = Pool(MemoryBudget(2**30), dispatch, self._load, heap=heap, prepare=_prepare)
        self.pool.configure({"a": member("a"), "b": member("b", pinned=True)})

    async def _load(self, args: ModelArgs) -> ModelServer:
        if self.error:
            raise self.error
        self.servers.append(FakeServer(args.spec))
        return cast(ModelServer, self.servers[-1])

    def server(self, name: str = "a") -> FakeServer:
        """The one that was loaded last."""
        return next(each for each in reversed(self.servers) if each.dispatch.spec.name == name)

    def residency(self, name: str = "a") -> str:
        return self.pool.reports()[name].residency


def run(test: Callable[[PoolOfFakes], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await test(PoolOfFakes())

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_cold_model_is_loaded_and_a_resident_one_stays():
    async def test(fakes: PoolOfFakes) -> None:
        await fakes.pool.load("b")
        assert fakes.residency() == "COLD"
        await fakes.pool.load("a")
        assert fakes.residency() == "RESIDENT"
        await fakes.pool.load("a")
        assert len(fakes.servers) == 2

    run(test)


def test_an_evicted_model_is_cold_and_its_next_request_loads_it():
    async def test(fakes: PoolOfFakes) -> None:
        await fakes.pool.load("a")
        server = fakes.server()
        await fakes.pool.evict("a")
        assert fakes.residency() == "COLD"
        assert fakes.pool.reports()["a"].evictions == fakes.pool.metrics.evictions["a"] == 0
        await _until(lambda: server.closed)
        await fakes.pool.evict("a")  # a cold model stays cold
        await fakes.pool.dispatch.named("a").loaded()
        assert fakes.residency() == "RESIDENT"

    run(test)


def test_an_evicted_model_answers_its_open_requests_first():
    async def test(fakes: PoolOfFakes) -> None:
        await fakes.pool.load("a")
        server = fakes.server()
        server.open_requests = 1
        await fakes.pool.evict("a")
        for _ in range(20):
            await asyncio.sleep(0)
        assert not server.closed
        server.open_requests = 0
        await _until(lambda: server.closed)

    run(test)


def test_a_pinned_model_is_not_evicted():
    async def test(fakes: PoolOfFakes) -> None:
        await fakes.pool.load("b")
        with pytest.raises(NotSupported, match="'b' is pinned"):
            await fakes.pool.evict("b")
        assert fakes.residency("b") == "RESIDENT"

    run(test)


def test_a_load_that_fails_raises_its_reason_and_an_unknown_model_is_not_found():
    async def test(fakes: PoolOfFakes) -> None:
        await fakes.pool.load("b")
        fakes.error = RuntimeError("not a model")
        with pytest.raises(ModelNotReady, match="not a model"):
            await fakes.pool.load("a")
        for change in (fakes.pool.load, fakes.pool.evict):
            with pytest.raises(ModelNotFound):
                await change("nobody")

    run(test)


async def _until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)
