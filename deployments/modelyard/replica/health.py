"""The decisions that end a replica: a call of the model that hangs, and a model that does not load in time. Needs no Ray."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

STUCK_AFTER_TIMEOUTS = 3
"""A call of the model that has run for more than this many of its timeouts counts as hung, and the replica is replaced."""


def stuck_call(running_s: Mapping[int, float], timeout_s: float) -> str:
    """Which call hangs; "" if none does.

    `running_s` has for each version how long its current call has run, 0 without one; `timeout_s` is the time limit of a request.
    """
    limit_s = STUCK_AFTER_TIMEOUTS * timeout_s
    return next(
        (f"a call of version {n} has not returned for {s:.0f} s" for n, s in running_s.items() if s > limit_s), ""
    )


def check_calls(reason: str, report: Callable[[str], None]) -> None:
    """Raise RuntimeError if a call hangs; `report` gets the `reason`, what `stuck_call` returned, in every case."""
    report(reason)
    if reason:
        raise RuntimeError(reason)


async def within_load_timeout(loading: Awaitable[T], timeout_s: float) -> T:
    """The result of `loading`. Raises TimeoutError if it takes longer, and whatever it raises itself, unchanged.

    A thread that loads cannot be stopped: Serve ends the process, because the constructor raised.
    """
    try:
        async with asyncio.timeout(timeout_s) as limit:
            return await loading
    except TimeoutError:
        if not limit.expired():
            raise  # the model's own, such as that of a download
        raise TimeoutError(f"the model did not load within load_timeout_s ({timeout_s:g} s)") from None
