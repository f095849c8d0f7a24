"""Refresh requests: the reader waits for the pushes, and the processes wait for requests."""

import asyncio
from itertools import pairwise

import pytest

from modelyard.telemetry.metrics import refresh
from modelyard.telemetry.metrics.aggregator import LIVE_S, MetricsAggregator
from modelyard.telemetry.metrics.declarations import BATCH_SIZE, CAPACITY, REQUESTS
from modelyard.telemetry.metrics.refresh import RefreshRequests
from modelyard.telemetry.metrics.snapshot import Histogram, MetricsSnapshot, Push, Totals

LAST_ID = 100
TIMEOUT_S = 10


def test_a_refresh_is_done_when_every_process_has_pushed() -> None:
    async def refreshed() -> list[int]:
        refreshes, pushed = RefreshRequests(LAST_ID), []

        async def process() -> None:
            pushed.append(await refreshes.wait_after(LAST_ID))
            await refreshes.notify_pushed()

        processes = [asyncio.create_task(process()) for _ in range(3)]
        await asyncio.wait_for(refreshes.request(lambda refresh_id: pushed == [refresh_id] * 3), TIMEOUT_S)
        await asyncio.gather(*processes)
        return pushed

    assert asyncio.run(refreshed()) == [LAST_ID + 1] * 3


def test_a_process_that_starts_to_wait_late_gets_the_latest_request_at_once() -> None:
    async def latest() -> int:
        refreshes = RefreshRequests(LAST_ID)
        await refreshes.request(lambda _: True)
        await refreshes.request(lambda _: True)
        return await asyncio.wait_for(refreshes.wait_after(LAST_ID), TIMEOUT_S)

    assert asyncio.run(latest()) == LAST_ID + 2


def test_a_reader_waits_until_the_last_process_has_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "REFRESH_TIMEOUT_S", 1000 * TIMEOUT_S)

    async def read() -> None:
        refreshes, pushed = RefreshRequests(LAST_ID), set[int]()
        reading = asyncio.create_task(refreshes.request(lambda _: pushed == {1, 2}))
        for process in (1, 2):
            assert await refreshes.wait_after(LAST_ID) == LAST_ID + 1
            assert not reading.done()
            pushed.add(process)
            await refreshes.notify_pushed()
        await asyncio.wait_for(reading, TIMEOUT_S)

    asyncio.run(read())


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when there is nothing else to do."""

    skipped_s = 0.0

    def time(self) -> float:
        return super().time() + self.skipped_s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.skipped_s += max(0.0, self._scheduled[0].when() - self.time())
        super()._run_once()


def test_a_process_waits_a_minute_for_a_request_and_a_reader_a_moment_for_a_process_that_hangs() -> None:
    async def waited() -> list[float]:
        refreshes, clock = RefreshRequests(LAST_ID), asyncio.get_running_loop().time
        times = [clock()]
        assert await refreshes.wait_after(LAST_ID) == LAST_ID
        times.append(clock())
        await refreshes.request(lambda _: False)
        times.append(clock())
        assert await refreshes.wait_after(LAST_ID + 7) == LAST_ID + 7
        return [later - earlier for earlier, later in pairwise(times)]

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        assert runner.run(waited()) == pytest.approx([60.0, 1.5], abs=0.5)


def replica_push(source: str, model: str, requests: int, refresh_id: int) -> Push:
    key = (model, "1")
    totals = Totals(
        {(REQUESTS.name, *key, "ok", "oip"): requests}, {(BATCH_SIZE.name, *key): Histogram((requests,), 0)}
    )
    return Push(source, refresh_id, True, False, MetricsSnapshot(totals, {(CAPACITY.name, *key): 8.0}), refresh_id)


def test_a_refresh_waits_only_for_live_replicas_of_the_requested_models() -> None:
    aggregator = MetricsAggregator(restored=True)
    aggregator.apply(replica_push("dead", "iris", 3, refresh_id=1), now=0)
    aggregator.apply(replica_push("one", "iris", 4, refresh_id=7), now=LIVE_S + 1)
    aggregator.apply(replica_push("other", "wine", 5, refresh_id=6), now=LIVE_S + 1)
    assert aggregator.is_refreshed(7, ["iris"], now=LIVE_S + 1)
    assert not aggregator.is_refreshed(7, ["iris", "wine"], now=LIVE_S + 1)
    iris = aggregator.model_totals(["iris"], now=LIVE_S + 1)
    assert iris.totals.counters == {(REQUESTS.name, "iris", "1", "ok", "oip"): 7}, "includes the dead replica"
    assert iris.totals.histograms == {(BATCH_SIZE.name, "iris", "1"): Histogram((7,), 0)}
    assert iris.running == {("iris", "1")}
