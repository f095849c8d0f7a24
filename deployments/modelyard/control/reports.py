"""What a server reports to its operator, and several reports as one: the terminal, the event file, the control socket."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from modelyard.config.diagnostic import SpecError
    from modelyard.control.plan import Action
    from modelyard.control.status import ModelStatus


class Report(Protocol):
    """Receives what happens."""

    def starting(self, what: str) -> None:
        """A step of the start or the stop."""

    def progress(self, statuses: "Sequence[ModelStatus]") -> None:
        """How far the start is."""

    def started(self, statuses: "Sequence[ModelStatus]", curl: str, metrics: str) -> None:
        """The end of the start, with an example command and the place where metrics are read."""

    def mistakes(self, error: "SpecError") -> None:
        """A configuration that is not valid."""

    def applied(self, actions: "Sequence[Action]") -> None:
        """Changes that are under way."""

    def awaits(self, actions: "Sequence[Action]", withheld: str) -> None:
        """Changes that wait for `modelyard apply`; `withheld` is the reason why they need a confirmation, or ""."""

    def changed(self, status: "ModelStatus") -> None:
        """The state of a model that has changed."""

    def trouble(self, what: str) -> None:
        """A problem that the operator should read of."""


class Reports:
    """Implements Report: passes everything on to each of them, in their order.

    One that fails does not affect the others: a terminal may be gone, and standard output a file on a full disk.
    """

    def __init__(self, *reports: Report) -> None:
        self._reports = reports

    def starting(self, what: str) -> None:
        """See Report."""
        self._each(lambda report: report.starting(what))

    def progress(self, statuses: "Sequence[ModelStatus]") -> None:
        """See Report."""
        self._each(lambda report: report.progress(statuses))

    def started(self, statuses: "Sequence[ModelStatus]", curl: str, metrics: str) -> None:
        """See Report."""
        self._each(lambda report: report.started(statuses, curl, metrics))

    def mistakes(self, error: "SpecError") -> None:
        """See Report."""
        self._each(lambda report: report.mistakes(error))

    def applied(self, actions: "Sequence[Action]") -> None:
        """See Report."""
        self._each(lambda report: report.applied(actions))

    def awaits(self, actions: "Sequence[Action]", withheld: str) -> None:
        """See Report."""
        self._each(lambda report: report.awaits(actions, withheld))

    def changed(self, status: "ModelStatus") -> None:
        """See Report."""
        self._each(lambda report: report.changed(status))

    def trouble(self, what: str) -> None:
        """See Report."""
        self._each(lambda report: report.trouble(what))

    def _each(self, call: Callable[[Report], None]) -> None:
        for report in self._reports:
            with suppress(OSError):
                call(report)
