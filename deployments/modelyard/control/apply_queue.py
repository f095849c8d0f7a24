"""Applies that are requested at the control socket, which the reconciler carries out one after the other."""

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
    """The number of the reconciler's cycle; the state of later cycles includes the change."""


@dataclass(frozen=True, slots=True)
class RequestedApply:
    """One request."""

    desired: "DesiredState"
    allow_removals: bool
    read_from: float
    """When the reading of the files began, on the reconciler's clock."""
    done: "Future[Done]" = field(default_factory=Future)


class RequestedApplies:
    """Any thread requests; the reconciler's thread takes."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._waiting: queue.SimpleQueue[RequestedApply] = queue.SimpleQueue()
        self._wake = wake
        """Ends the reconciler's wait for changed files."""

    def request(self, desired: "DesiredState", *, allow_removals: bool, read_from: float, timeout_s: float) -> Done:
        """Wait until it is applied. Raises what `Applier.apply` raises, and TimeoutError: then it will not be applied."""
        request = RequestedApply(desired, allow_removals, read_from)
        self._waiting.put(request)
        self._wake()
        try:
            return request.done.result(timeout_s)
        except FutureTimeout:
            if request.done.cancel():
                raise TimeoutError(f"the reconciler did not start the apply within {timeout_s:g} s") from None
            return request.done.result(timeout_s)  # it is under way

    def take(self) -> RequestedApply | None:
        """The next request, or None. The caller must set its result or its error."""
        while True:
            try:
                request = self._waiting.get_nowait()
            except queue.Empty:
                return None
            if request.done.set_running_or_notify_cancel():
                return request
