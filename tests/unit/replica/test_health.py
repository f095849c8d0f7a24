"""A replica is replaced when a call hangs, and a load that takes too long is given up."""

import asyncio
from collections.abc import Awaitable, Mapping

import pytest

from modelyard.replica.health import STUCK_AFTER_TIMEOUTS, check_calls, stuck_call, within_load_timeout

TIMEOUT_S = 10.0


def problem(running_s: Mapping[int, float]) -> str:
    """What a health check reports. It raises the same, and only then."""
    reports: list[str] = []
    try:
        check_calls(stuck_call(running_s, TIMEOUT_S), reports.append)
    except RuntimeError as error:
        assert reports == [str(error)] != [""]
    else:
        assert reports == [""]
    return reports[0]


@pytest.mark.parametrize("running_s", [{}, {1: 0.0}, {1: 0.0, 2: 0.0}, {1: TIMEOUT_S}, {1: 2 * TIMEOUT_S, 2: 30.0}])
def test_a_replica_whose_calls_are_not_too_long_is_healthy(running_s: Mapping[int, float]):
    assert problem(running_s) == ""


@pytest.mark.parametrize(
    ("running_s", "expected"),
    [
        ({1: 30.1}, "a call of version 1 has not returned for 30 s"),
        ({1: 0.0, 2: 47.6}, "a call of version 2 has not returned for 48 s"),
        ({3: 31.0, 2: 300.0}, "a call of version 3 has not returned for 31 s"),
    ],
)
def test_a_replica_with_a_call_that_hangs_is_not_healthy(running_s: Mapping[int, float], expected: str):
    assert problem(running_s) == expected


def test_a_call_hangs_after_three_time_outs():
    """See docs/operations.md."""
    assert STUCK_AFTER_TIMEOUTS == 3


async def loaded(value: str) -> str:
    return value


def test_a_model_that_loads_in_time_is_returned():
    assert asyncio.run(within_load_timeout(loaded("model"), 60)) == "model"


async def raised(error: BaseException) -> str:
    raise error


@pytest.mark.parametrize("error", [ValueError("no model"), TimeoutError("the download timed out"), OSError(28, "full")])
def test_an_error_of_the_load_itself_is_raised_unchanged(error: Exception):
    with pytest.raises(type(error)) as found:
        asyncio.run(within_load_timeout(raised(error), 60))
    assert found.value is error


class Hanging:
    """A load that never ends by itself."""

    def __init__(self) -> None:
        self.ended_by: BaseException | None = None

    async def load(self) -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException as error:
            self.ended_by = error
            raise
        return "never"


@pytest.mark.parametrize(("timeout_s", "text"), [(0.0, "0 s"), (0.001, "0.001 s")])
def test_a_load_that_takes_too_long_is_given_up_and_the_setting_is_named(timeout_s: float, text: str):
    hanging = Hanging()
    with pytest.raises(TimeoutError) as error:
        asyncio.run(within_load_timeout(hanging.load(), timeout_s))
    assert str(error.value) == f"the model did not load within load_timeout_s ({text})"
    assert error.value.__suppress_context__
    assert isinstance(hanging.ended_by, asyncio.CancelledError)


def test_a_load_from_another_thread_is_awaited():
    async def run() -> str:
        loading: Awaitable[str] = asyncio.get_running_loop().run_in_executor(None, lambda: "model")
        return await within_load_timeout(loading, 60)

    assert asyncio.run(run()) == "model"
