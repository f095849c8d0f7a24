"""Reads Serve's details, which hold the arguments of every application, as rarely as is possible without missing a change.

The details of hundreds of applications cost Serve's controller a third of a second of CPU, and its statuses a millisecond.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

CHEAP_S = 0.03
"""Details that take less are read each time."""
MAX_SHARE = 0.02
"""The share of the time in which details are read while no status changes."""


class ServeDetails:
    """The last details, and the statuses as they were before these were read."""

    def __init__(
        self,
        details: Callable[[], Mapping[str, Any]],
        statuses: Callable[[], object],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`details` returns ServeInstanceDetails; `statuses` returns a value that is equal while no status has changed, neither of
        an application nor the number of replicas in each state."""
        self._read_details = details
        self._read_statuses = statuses
        self._now = now
        self._details: Mapping[str, Any] = {}
        self._statuses: object = None
        self._took_s = 0.0
        self._due_at = 0.0

    def forget(self) -> None:
        """Something was deployed: the last details are those of before."""
        self._took_s = self._due_at = 0.0
        self._details = {}

    def read(self) -> Mapping[str, Any]:
        """The details as of now, but for what no status shows, which may be older. Raises what the two functions raise."""
        if self._details and self._took_s < CHEAP_S:
            self._statuses = None
            return self._fetch()
        statuses = self._read_statuses()  # before the details: a change in between is seen the next time
        if self._details and statuses == self._statuses and self._now() < self._due_at:
            return self._details
        self._statuses = statuses
        return self._fetch()

    def _fetch(self) -> Mapping[str, Any]:
        begun = self._now()
        self._details = self._read_details()
        self._took_s = self._now() - begun
        self._due_at = begun + self._took_s / MAX_SHARE
        return self._details
