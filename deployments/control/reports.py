"""Several reports as one: the terminal, the file of events, the control socket."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deployments.control.plan import Action
    from deployments.control.status import ModelStatus
    from deployments.control.watch import Report
    from deployments.spec.diagnostic import SpecError


class Reports:
    """Implements `control.watch.Report`: each of them gets everything, in their order."""

    def __init__(self, *reports: "Report") -> None:
        self._reports = reports

    def starting(self, what: str) -> None:
        """See Report."""
        for each in self._reports:
            each.starting(what)

    def progress(self, statuses: "Sequence[ModelStatus]") -> None:
        """See Report."""
        for each in self._reports:
            each.progress(statuses)

    def started(self, statuses: "Sequence[ModelStatus]", curl: str, metrics: str) -> None:
        """See Report."""
        for each in self._reports:
            each.started(statuses, curl, metrics)

    def mistakes(self, error: "SpecError") -> None:
        """See Report."""
        for each in self._reports:
            each.mistakes(error)

    def applied(self, actions: "Sequence[Action]") -> None:
        """See Report."""
        for each in self._reports:
            each.applied(actions)

    def awaits(self, actions: "Sequence[Action]", withheld: str) -> None:
        """See Report."""
        for each in self._reports:
            each.awaits(actions, withheld)

    def changed(self, status: "ModelStatus") -> None:
        """See Report."""
        for each in self._reports:
            each.changed(status)

    def trouble(self, what: str) -> None:
        """See Report."""
        for each in self._reports:
            each.trouble(what)
