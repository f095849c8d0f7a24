"""An application follows its settings: it starts with the first, and a hub that does not respond changes nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import pytest

from modelyard.ray_serve.live_settings import SettingsChange
from modelyard.ray_serve.settings_follower import RETRY_S, SettingsFollower
from tests.fakes import FakeClock
from tests.simulated_loop import SimulatedLoop, until

FIRST = SettingsChange(5, ("a", "b"), {"a": [1], "b": [2]})
SECOND = SettingsChange(7, ("b", "c"), {"c": [3]})


class Hub:
    """Answers each call with the next outcome; the one behind them waits."""

    def __init__(self, *outcomes: SettingsChange | Exception | None) -> None:
        self.outcomes = [*outcomes]
        self.known: list[int] = []

    def settings_after(self, application: str, known: int) -> Future[SettingsChange | None]:
        assert application == "small"
        self.known.append(known)
        future: Future[SettingsChange | None] = Future()
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, ConnectionError):
                raise outcome
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        return future


class Application:
    """Records the settings that it gets. Raises those errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = [*errors]
        self.settings: list[dict[str, Any]] = []

    async def apply(self, values: dict[str, Any]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.settings.append(values)


def run(test: Callable[[FakeClock], Awaitable[None]]) -> None:
    clock = FakeClock()

    async def main() -> None:
        await test(clock)

    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(clock)) as runner:
        runner.run(main())


def test_it_starts_with_all_settings_and_follows_each_change() -> None:
    async def test(_: FakeClock) -> None:
        hub, application = Hub(FIRST, None, SECOND), Application()
        await SettingsFollower("small", hub, application.apply).start()
        assert application.settings == [{"a": [1], "b": [2]}]
        await until(lambda: len(hub.known) == 4)
        assert application.settings[1:] == [{"b": [2], "c": [3]}]
        assert application.settings[1]["b"] is application.settings[0]["b"]
        assert hub.known == [0, 5, 5, 7], "a call without a change is made again"

    run(test)


def test_a_hub_that_does_not_respond_is_called_again_and_the_operator_reads_of_it_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test(clock: FakeClock) -> None:
        hub = Hub(ConnectionError("the hub does not run"), RuntimeError("it died"), FIRST, RuntimeError("again"))
        application = Application()
        starting = asyncio.create_task(SettingsFollower("small", hub, application.apply).start())
        pauses = []
        for calls in (2, 3):
            before = clock()
            await until(lambda calls=calls: len(hub.known) == calls or clock.advance(RETRY_S / 10))
            pauses.append(clock() - before)
        await starting
        assert min(pauses) > RETRY_S - 0.01
        assert application.settings == [{"a": [1], "b": [2]}]
        await until(lambda: len(caplog.records) == 2)

    with caplog.at_level(logging.WARNING):
        run(test)
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "cannot read the settings of small from the hub (ConnectionError('the hub does not run'))"
    assert "again" in second


def test_a_replica_whose_first_settings_cannot_be_applied_does_not_start() -> None:
    async def test(_: FakeClock) -> None:
        with pytest.raises(ValueError, match="another release"):
            await SettingsFollower("small", Hub(FIRST), Application(ValueError("another release")).apply).start()

    run(test)


def test_settings_that_cannot_be_applied_later_leave_those_of_before_and_the_next_change_is_applied() -> None:
    async def test(_: FakeClock) -> None:
        third = SettingsChange(9, ("c",), {})
        hub, application = Hub(FIRST, SECOND, third), Application()
        await SettingsFollower("small", hub, application.apply).start()
        application.errors.append(ValueError("another release"))
        await until(lambda: len(hub.known) == 4)
        assert application.settings == [{"a": [1], "b": [2]}, {"c": [3]}]

    run(test)
