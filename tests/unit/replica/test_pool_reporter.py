"""The reports of a pool's models: sent soon after a change, repeated without one, and withdrawn at the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from modelyard.ray_serve.pool_report import ModelReport
from modelyard.replica.pool_reporter import DELAY_S, MAX_SHARE, REPEAT_S, PoolReporter
from tests.fakes import FakeClock
from tests.simulated_loop import SimulatedLoop, until


class Hub:
    """Records reports. Raises while it is `down`."""

    def __init__(self) -> None:
        self.reports: list[dict[str, ModelReport] | None] = []
        self.attempts = self.renewals = 0
        self.down = self.has_restarted = False
        self.on_report: Callable[[], object] = lambda: None

    def renew_pool_report(self, replica: str) -> bool:
        assert replica == "replica-1"
        if self.down:
            self.attempts += 1
            raise ConnectionError("the hub is down")
        if self.has_restarted:
            return False
        self.renewals += 1
        return True

    def report_pool(self, replica: str, models: dict[str, ModelReport] | None) -> None:
        assert replica == "replica-1"
        self.attempts += 1
        if self.down:
            raise ConnectionError("the hub is down")
        self.on_report()
        self.reports.append(models)


def run(test: Callable[[PoolReporter, Hub, FakeClock, dict[str, ModelReport]], Awaitable[None]]) -> None:
    clock, hub, models = FakeClock(), Hub(), {"m": ModelReport("COLD")}

    async def main() -> None:
        reporter = PoolReporter("replica-1", lambda: models, hub, asyncio.get_running_loop())
        await asyncio.sleep(0)
        await test(reporter, hub, clock, models)
        await asyncio.to_thread(reporter.close)

    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(clock)) as runner:
        runner.run(main())
    assert hub.down or hub.reports[-1] is None, "the replica has ended"


def test_the_changes_of_a_short_time_are_one_report() -> None:
    async def test(reporter: PoolReporter, hub: Hub, clock: FakeClock, models: dict[str, ModelReport]) -> None:
        reporter.report_soon()
        for _ in range(20):
            await asyncio.sleep(0)
        models["m"] = ModelReport("RESIDENT")
        reporter.report_soon()
        assert hub.reports == []
        clock.advance(DELAY_S)
        await until(lambda: hub.reports)
        assert hub.reports == [{"m": ModelReport("RESIDENT")}]

    run(test)


async def pass_until(clock: FakeClock, condition: Callable[[], object], step_s: float = REPEAT_S / 100) -> None:
    """Let time pass until the condition holds."""
    for _ in range(100_000):
        if condition():
            return
        clock.advance(step_s)
        await asyncio.sleep(0)
    raise AssertionError("the condition never held")


def test_a_report_is_renewed_without_a_change() -> None:
    async def test(reporter: PoolReporter, hub: Hub, clock: FakeClock, models: dict[str, ModelReport]) -> None:
        begun = clock.now
        await pass_until(clock, lambda: hub.renewals == 2)
        assert hub.reports == [models]
        assert clock.now - begun >= 3 * REPEAT_S

    run(test)


def test_a_hub_that_has_been_started_again_gets_the_report_again() -> None:
    async def test(reporter: PoolReporter, hub: Hub, clock: FakeClock, models: dict[str, ModelReport]) -> None:
        await pass_until(clock, lambda: hub.renewals == 1)
        hub.has_restarted = True
        await pass_until(clock, lambda: len(hub.reports) == 2)
        assert hub.reports == [models, models]

    run(test)


def test_a_hub_that_fails_is_logged_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def test(reporter: PoolReporter, hub: Hub, clock: FakeClock, models: dict[str, ModelReport]) -> None:
        hub.down = True
        await pass_until(clock, lambda: hub.attempts == 2)
        hub.down = False
        await pass_until(clock, lambda: hub.reports)
        assert [record.levelno for record in caplog.records] == [logging.WARNING]

    run(test)


def test_the_longer_a_report_takes_the_fewer_are_sent() -> None:
    async def test(reporter: PoolReporter, hub: Hub, clock: FakeClock, models: dict[str, ModelReport]) -> None:
        hub.on_report = lambda: clock.advance(0.2)
        reporter.report_soon()
        await pass_until(clock, lambda: hub.reports, step_s=0.01)
        hub.on_report = lambda: None
        models["m"] = ModelReport("RESIDENT")
        reporter.report_soon()
        sent = clock.now
        await pass_until(clock, lambda: len(hub.reports) == 2, step_s=0.01)
        assert clock.now - sent >= 0.2 / MAX_SHARE - 0.05

    run(test)
