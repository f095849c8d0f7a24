"""The last report of each process, for as long as the process may be alive. Pure but for the clock."""

import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_AGE_S = 20.0
"""Four times the interval in which a replica repeats its report (`replica.pool_reporter`). An older one is of a dead process."""


class RecentReports(Generic[T]):
    """Not safe for several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, first_version: int = 1) -> None:
        self._clock = clock
        self._reports: dict[str, tuple[float, T]] = {}
        self._last: Mapping[str, T] = {}
        self._version = first_version

    def add(self, process: str, report: T) -> None:
        """Replace the report of this process. An equal one stays the same object."""
        _, before = self._reports.get(process, (0.0, None))
        self._reports[process] = self._clock(), before if before is not None and before == report else report

    def renew(self, process: str) -> bool:
        """The report of this process has not changed. Returns whether there is one."""
        if process in self.current():
            self._reports[process] = self._clock(), self._reports[process][1]
            return True
        return False

    def remove(self, process: str) -> None:
        """Forget a process that has ended."""
        self._reports.pop(process, None)

    def since(self, known: int) -> tuple[int, Mapping[str, T] | None]:
        """The version of the reports, which grows when they change, and the reports; None if that is the known version."""
        if (current := self.current()) != self._last:
            self._last, self._version = current, self._version + 1
        return self._version, None if known == self._version else current

    def current(self) -> Mapping[str, T]:
        """The reports by process, without those that are too old."""
        oldest = self._clock() - MAX_AGE_S
        self._reports = {process: report for process, report in self._reports.items() if report[0] >= oldest}
        return {process: report for process, (_, report) in self._reports.items()}
