"""Applies that are asked for at the control socket, carried out one after the other by the control loop."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.control.desired import DesiredState
    from modelyard.control.plan import Action


@dataclass(frozen=True, slots=True)
class Done:
    """An apply that was carried out."""

    actions: tuple["Action", ...]
    turn: int
    """Of the loop; what a later turn knows includes it."""


@dataclass(frozen=True, slots=True)
class RequestedApply:
    """One of them."""

    desired: "DesiredState"
    allow_removals: bool
    read_from: float
    """When the reading of the files began, by the loop's clock."""
    done: "Future[Done]" = field(default_factory=Future)


class RequestedApplies:
    """Asked in any thread, taken in the control loop's."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._waiting: queue.SimpleQueue[RequestedApply] = queue.SimpleQueue()
        self._wake = wake
        """Ends the loop's wait for changed files."""

    def ask(self, desired: "DesiredState", *, allow_removals: bool, read_from: float, timeout_s: float) -> Done:
        """Wait until the loop has done it. Raises what `Applier.apply` raises, and TimeoutError: then it will not be done."""
        asked = RequestedApply(desired, allow_removals, read_from)
        self._waiting.put(asked)
        self._wake()
        try:
            return asked.done.result(timeout_s)
        except FutureTimeout:
            if asked.done.cancel():
                raise TimeoutError(f"the control loop did not get to it within {timeout_s:g} s") from None
            return asked.done.result(timeout_s)  # it is being done just now

    def take(self) -> RequestedApply | None:
        """The next one; it must be done now, or fail."""
        while True:
            try:
                asked = self._waiting.get_nowait()
            except queue.Empty:
                return None
            if asked.done.set_running_or_notify_cancel():
                return asked
