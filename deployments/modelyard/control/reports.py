"""Several reports as one: the terminal, the file of events, the control socket."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.config.diagnostic import SpecError
    from modelyard.control.plan import Action
    from modelyard.control.reconciler import Report
    from modelyard.control.status import ModelStatus


class Reports:
    """Implements `control.watch.Report`: each of them gets everything, in their order, whether others can take it or not.

    A terminal may be gone, and standard output a file on a full disk.
    """

    def __init__(self, *reports: "Report") -> None:
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

    def _each(self, tell: "Callable[[Report], None]") -> None:
        for report in self._reports:
            with suppress(OSError):
                tell(report)
