"""What the command and the running server tell the operator's terminal."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deployments.serving.state import WAITS

if TYPE_CHECKING:  # the specs behind these take longer to import than `modelyard --help` should
    from deployments.control.plan import Action
    from deployments.control.status import ModelStatus
    from deployments.spec.diagnostic import SpecError
    from monitoring.recent import Traffic

COLOURS = {"READY": "green", "LOADING": "yellow", "UNAVAILABLE": "red"}
MARKS = {"add": "+", "restart": "~", "scale": "~", "update": "~", "remove": "-", "refuse": "!"}
WIDE = 200
"""Columns where the output is a file: lines are not for folding there."""


def console(stream: TextIO | None = None, *, stderr: bool = False) -> Console:
    """Where the command prints: standard output unless told otherwise."""
    shown = stream or (sys.stderr if stderr else sys.stdout)
    width = None if shown.isatty() else WIDE
    return Console(file=stream, stderr=stderr, highlight=False, soft_wrap=True, width=width)


class TerminalReport:
    """Plain lines; colours and a table where they are of use. Implements `control.watch.Report`."""

    def __init__(self, to: Console | None = None) -> None:
        self._console = to or console()
        self._begun = time.monotonic()
        self._shown = ""

    def starting(self, what: str) -> None:
        """A step of the start-up or the end."""
        self._line(what)

    def progress(self, statuses: Sequence["ModelStatus"]) -> None:
        """How many models are up, and what the others do; a line only where that has changed."""
        up = sum(status.state == "READY" for status in statuses)
        text = "; ".join([f"{up} of {len(statuses)} models ready", *_waiting(statuses)])
        if text != self._shown:
            self._shown = text
            self._line(text)

    def started(self, statuses: Sequence["ModelStatus"], curl: str, metrics: str) -> None:
        """The table, where metrics are, and a line to paste."""
        self._console.print(status_table(statuses))
        if metrics:
            self._console.print(f"\nMetrics: {metrics}", markup=False)
        if curl:
            self._console.print(f"\nTry:\n  {curl}\n", markup=False)
        self._line("watching serve_config and the repository; Ctrl-C stops")

    def mistakes(self, error: "SpecError") -> None:
        """A configuration that cannot be used."""
        for diagnostic in error.diagnostics:
            self._console.print(diagnostic.render(), markup=False)
        self._line("nothing has changed", "red")

    def applied(self, actions: Sequence["Action"]) -> None:
        """What is being changed."""
        for action in actions:
            self._line(action_line(action), "red" if action.kind == "refuse" else "")

    def changed(self, status: "ModelStatus") -> None:
        """A model's new state."""
        versions = f" version {', '.join(status.versions)}" if status.versions else ""
        replicas = f", {status.replicas} of {status.replicas_wanted} replicas" if status.replicas_wanted else ""
        reason = f": {status.reason}" if status.reason else ""
        self._line(f"{status.name} {status.state}{versions}{replicas}{reason}", COLOURS[status.state])

    def trouble(self, what: str) -> None:
        """Something the operator should look at."""
        self._line(what, "red")

    def _line(self, text: str, colour: str = "") -> None:
        self._console.print(f"{time.monotonic() - self._begun:7.1f}s  {text}", style=colour or None, markup=False)


def status_table(statuses: Sequence["ModelStatus"], traffic: "Mapping[str, Traffic] | None" = None) -> Table:
    """The models, a row each; below a model that has one, its reason. With `traffic`, its columns too: of the last minute."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    busy = () if traffic is None else ("REQ/S", "P99", "FAILED")
    for heading in ("MODEL", "STATE", "VERSION", "RUNTIME", "REPLICAS", *busy, "URL"):
        right = heading in busy
        table.add_column(heading, no_wrap=heading != "URL", overflow="fold", justify="right" if right else "left")
    for status in statuses:
        table.add_row(
            status.name,
            Text(status.state, COLOURS[status.state]),
            ", ".join(status.versions) or "-",
            status.runtime or "-",
            f"{status.replicas}/{status.replicas_wanted}",
            *(() if traffic is None else _traffic_cells(traffic.get(status.name))),
            Text(status.url or "-"),
        )
        if status.reason:
            table.add_row(*[""] * (5 + len(busy)), Text(status.reason, "red"))
    return table


def remarks(about: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What the models that are up say of how they are served, by name: why requests are not batched, and their notes."""
    for name, told in about.items():
        batching = told["batching"]
        if not batching["batched"]:
            yield f"{name}: requests are not batched: {batching['reason']}"
        for note in told.get("notes", ()):
            yield f"{name}: {note}"


def _traffic_cells(traffic: "Traffic | None") -> Iterator[Text]:
    """Requests a second, 99th percentile, requests that failed; dashes where nothing is known."""
    if traffic is None:
        yield from [Text("-")] * 3
        return
    yield Text(f"{traffic.requests_per_s:.1f}")
    yield Text("-" if traffic.p99_s is None else f"{traffic.p99_s * 1000:.3g} ms")
    yield Text(str(traffic.failed), "red" if traffic.failed else "")


def action_line(action: "Action") -> str:
    """One line of a plan."""
    return f"{MARKS[action.kind]} {action.kind} {action.model}: {action.why}"


def _waiting(statuses: Sequence["ModelStatus"]) -> Iterator[str]:
    """What loads, and each reason to wait or to have failed."""
    loading = [status.name for status in statuses if status.state == "LOADING" and not status.reason]
    if loading:
        yield f"loading {', '.join(loading)}"
    if waiting := sum(status.reason == WAITS for status in statuses):
        yield f"{waiting} more to load"
    for status in statuses:
        if status.state != "READY" and status.reason not in ("", WAITS):
            yield f"{status.name} {status.state}: {status.reason}"
