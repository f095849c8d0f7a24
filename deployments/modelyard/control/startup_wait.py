"""Waits for something that is slow to start, for as long as its process is alive."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

POLL_S = 0.125
SLOW_S = 15.0
"""How often a slow start is reported."""
MAX_WAIT_S = 600.0


def retried(
    call: Callable[P, T],
    *,
    is_alive: Callable[[], bool],
    slow: Callable[[float], None],
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Callable[P, T]:
    """`call`, repeated while it raises RuntimeError, until MAX_WAIT_S have passed or `is_alive` is false: then it raises.

    `slow` is called every SLOW_S with the seconds waited so far.
    """

    def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        begun = now()
        reported = 0.0
        while True:
            try:
                return call(*args, **kwargs)
            except RuntimeError:
                waited_s = now() - begun
                if waited_s > MAX_WAIT_S or not is_alive():
                    raise
                if waited_s - reported >= SLOW_S:
                    reported = waited_s
                    slow(waited_s)
                sleep(POLL_S)

    return repeated
