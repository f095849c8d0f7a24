"""Output of `modelyard up` on the operator's terminal, and helpers that all commands use."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from modelyard.cli.model_table import COLOURS, status_table
from modelyard.control.plan import CONFIRM
from modelyard.ray_serve.application_status import WAITING_TO_LOAD

if TYPE_CHECKING:  # these imports would slow down `modelyard --help`
    from modelyard.config.diagnostic import SpecError
    from modelyard.control.plan import Action
    from modelyard.control.status import ModelStatus

MARKS = {
    "add": "+",
    "restart": "~",
    "load": "~",
    "move": "~",
    "scale": "~",
    "update": "~",
    "remove": "-",
    "refuse": "!",
}
FILE_WIDTH = 200
"""Columns if the output is a file, so that lines are not wrapped."""


def width_of(to: Console) -> int | None:
    """The value of COLUMNS, or else the terminal's width; None if the output is a file, which is not shortened."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    return to.width if to.is_terminal else None


def console(stream: TextIO | None = None, *, stderr: bool = False) -> Console:
    """A console for a stream, standard error, or by default standard output."""
    target = stream or (sys.stderr if stderr else sys.stdout)
    width = None if target.isatty() else FILE_WIDTH
    return Console(file=stream, stderr=stderr, highlight=False, soft_wrap=True, width=width)


def stamp(now: datetime) -> str:
    """ISO 8601 with the time zone, to the second, so that it can be compared with logs of other machines."""
    return now.astimezone().isoformat(timespec="seconds")


class TerminalReport:
    """Prints lines with a time, and a table. Implements `control.reconciler.Report`."""

    def __init__(self, to: Console | None = None, now: Callable[[], datetime] = datetime.now) -> None:
        self._console = to or console()
        self._now = now
        self._shown = ""
        self.approval = False
        """Whether changes wait for `modelyard apply`."""

    def starting(self, what: str) -> None:
        """A step of the start or the shutdown."""
        self._line(what)

    def progress(self, statuses: Sequence["ModelStatus"]) -> None:
        """How many models are READY, and the state of the others. Prints only changes."""
        up = sum(status.state == "READY" for status in statuses)
        text = "; ".join([f"{up} of {len(statuses)} models ready", *_waiting(statuses)])
        if text != self._shown:
            self._shown = text
            self._line(text)

    def started(self, statuses: Sequence["ModelStatus"], curl: str, metrics: str) -> None:
        """The table of models, the URL of the metrics, and an example request."""
        self._console.print(status_table(statuses, width=width_of(self._console)))
        if metrics:
            self._console.print(f"\nMetrics: {metrics}", markup=False)
        if curl:
            self._console.print(f"\nTry:\n  {curl}\n", markup=False)
        wait = "; changes wait for `modelyard apply`" if self.approval else ""
        self._line(f"watching serve_config and the model repository{wait}; press Ctrl-C to stop")

    def mistakes(self, error: "SpecError") -> None:
        """An invalid configuration."""
        for diagnostic in error.diagnostics:
            self._console.print(diagnostic.render(), markup=False)
        self._line("no changes applied", "red")

    def applied(self, actions: Sequence["Action"]) -> None:
        """The changes that are being made."""
        for action in actions:
            self._line(action_line(action), "red" if action.kind == "refuse" else "")

    def awaits(self, actions: Sequence["Action"], withheld: str) -> None:
        """Changes that wait for `modelyard apply`."""
        confirm = f" {CONFIRM}" if withheld else ""
        self._line(f"files changed; run `modelyard apply{confirm}` to apply these changes:", "yellow")
        for action in actions:
            self._line(f"  {action_line(action)}")
        if withheld:
            self._line(f"  {withheld}", "red")

    def changed(self, status: "ModelStatus") -> None:
        """A model's new state."""
        versions = f" version {', '.join(status.default_first)}" if status.versions else ""
        replicas = f", {status.replicas} of {status.replicas_wanted} replicas" if status.replicas_wanted else ""
        reason = f": {status.reason}" if status.reason else ""
        self._line(f"{status.name} {status.state}{versions}{replicas}{reason}", COLOURS[status.state])

    def trouble(self, what: str) -> None:
        """A problem that the operator should look into."""
        self._line(what, "red")

    def _line(self, text: str, colour: str = "") -> None:
        self._console.print(f"{stamp(self._now())}  {text}", style=colour or None, markup=False)


def action_line(action: "Action") -> str:
    """One line of a plan."""
    return f"{MARKS[action.kind]} {action.kind} {action.model}: {action.why}"


def _waiting(statuses: Sequence["ModelStatus"]) -> Iterator[str]:
    """The models that are loading, and why others are waiting or have failed."""
    loading = [status.name for status in statuses if status.state == "LOADING" and not status.reason]
    if loading:
        yield f"loading {', '.join(loading)}"
    if waiting := sum(status.reason == WAITING_TO_LOAD for status in statuses):
        yield f"{waiting} waiting to load"
    for status in statuses:
        if status.state != "READY" and status.reason not in ("", WAITING_TO_LOAD):
            yield f"{status.name} {status.state}: {status.reason}"
