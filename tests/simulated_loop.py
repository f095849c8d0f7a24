"""An event loop in simulated time, for tests of what waits."""

import asyncio
import time
from collections.abc import Callable

from tests.fakes import PATIENCE_S, FakeClock


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Its timers follow a fake clock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._fake_clock = clock

    def time(self) -> float:
        return self._fake_clock()


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop run until the condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("the condition never held")
        await asyncio.sleep(0)
