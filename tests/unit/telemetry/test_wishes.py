"""RefreshRequests for fresh numbers: whoever made one waits for those who push, and they for it."""

import asyncio

from modelyard.telemetry.metrics.aggregate import LIVE_S, MetricsAggregator
from modelyard.telemetry.metrics.declarations import BATCH_SIZE, CAPACITY, REQUESTS
from modelyard.telemetry.metrics.refresh import RefreshRequests
from modelyard.telemetry.metrics.snapshot import Histogram, Push, Snapshot, Totals

FIRST = 100
PATIENCE_S = 10


def test_a_wish_is_granted_when_everybody_has_pushed() -> None:
    async def wished() -> list[int]:
        wishes, pushed = RefreshRequests(FIRST), []

        async def process() -> None:
            pushed.append(await wishes.after(FIRST))
            await wishes.pushed()

        processes = [asyncio.create_task(process()) for _ in range(3)]
        await asyncio.wait_for(wishes.make(lambda number: pushed == [number] * 3), PATIENCE_S)
        await asyncio.gather(*processes)
        return pushed

    assert asyncio.run(wished()) == [FIRST + 1] * 3


def test_who_comes_late_hears_of_the_last_wish_at_once() -> None:
    async def heard() -> int:
        wishes = RefreshRequests(FIRST)
        await wishes.make(lambda _: True)
        await wishes.make(lambda _: True)
        return await asyncio.wait_for(wishes.after(FIRST), PATIENCE_S)

    assert asyncio.run(heard()) == FIRST + 2


def told(source: str, model: str, requests: int, wish: int) -> Push:
    """A replica's push."""
    key = (model, "1")
    totals = Totals(
        {(REQUESTS.name, *key, "ok", "oip"): requests}, {(BATCH_SIZE.name, *key): Histogram((requests,), 0)}
    )
    return Push(source, wish, True, False, Snapshot(totals, {(CAPACITY.name, *key): 8.0}), wish)


def test_only_live_replicas_of_the_models_that_are_asked_for_must_have_pushed() -> None:
    book = MetricsAggregator(restored=True)
    book.take(told("dead", "iris", 3, wish=1), now=0)
    book.take(told("one", "iris", 4, wish=7), now=LIVE_S + 1)
    book.take(told("other", "wine", 5, wish=6), now=LIVE_S + 1)
    assert book.granted(7, ["iris"], now=LIVE_S + 1)
    assert not book.granted(7, ["iris", "wine"], now=LIVE_S + 1)
    counted = book.counted(["iris"], now=LIVE_S + 1)
    assert counted.totals.counters == {(REQUESTS.name, "iris", "1", "ok", "oip"): 7}, "the dead one's too"
    assert counted.totals.histograms == {(BATCH_SIZE.name, "iris", "1"): Histogram((7,), 0)}
    assert counted.running == {("iris", "1")}
