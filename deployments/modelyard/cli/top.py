"""Implements `modelyard top`: a table that is refreshed, models with problems first, no longer than the terminal."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from rich.console import Console
from rich.live import Live
from rich.text import Text

from modelyard.cli.fleet_state import FleetState, StateSource
from modelyard.cli.model_table import status_table
from modelyard.cli.terminal_columns import middle_cut
from modelyard.cli.terminal_report import width_of
from modelyard.control.status import ModelStatus
from modelyard.telemetry.metrics.traffic import Traffic

OTHER_LINES = 3
"""The headings, the line with the number of hidden models, and the cursor's line."""
_STATES = ("UNAVAILABLE", "LOADING", "READY")


def show_live(
    source: StateSource,
    to: Console,
    *,
    times: int,
    every_s: float,
    wide: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Show `times` states, or with 0 until interrupted: on a terminal in place, in a file one after the other.

    Raises ConnectionError if the server does not respond at first. Later the error is shown in place of the table.
    """
    refreshes = range(times) if times else count()
    first = source.fetch()
    with Live(console=to, auto_refresh=False, vertical_overflow="crop") as live:
        for number in refreshes:
            if number:
                sleep(every_s)
            width = None if wide else width_of(to)
            height = to.height if to.is_terminal else None
            try:
                screen = render_screen(source.fetch() if number else first, width, height)
            except ConnectionError as error:
                screen = Text(str(error), "red")
            live.update(screen, refresh=True)


def render_screen(state: FleetState, width: int | None, height: int | None) -> Text:
    """The server's notices and the models, in at most `height` lines; the last line counts models that do not fit."""
    notices = [_first_line(notice, width) for notice in state.notices()]
    traffic = state.traffic
    statuses = worst_first(state.statuses, traffic)
    room = len(statuses) if height is None else max(1, height - OTHER_LINES - len(notices))
    shown = statuses if len(statuses) <= room else statuses[:room]
    lines = [*(Text(notice, "yellow") for notice in notices), status_table(shown, traffic, width)]
    if more := len(statuses) - len(shown):
        ready = sum(status.state == "READY" for status in statuses[len(shown) :])
        lines.append(Text(f"+{more} more, {ready} of them READY", "dim"))
    return Text("\n").join(lines)


def worst_first(statuses: Sequence[ModelStatus], traffic: Mapping[str, Traffic]) -> list[ModelStatus]:
    """Models that are not READY, then those with a reason, then by failed requests, queue, 99th percentile, and name."""

    def order(status: ModelStatus) -> tuple[object, ...]:
        recent = traffic.get(status.name)
        load = (-recent.failed, -recent.queued, -(recent.p99_s or 0.0)) if recent else (0, 0, 0.0)
        return (_STATES.index(status.state), not status.reason, *load, status.name)

    return sorted(statuses, key=order)


def _first_line(text: str, width: int | None) -> str:
    line = text.partition("\n")[0]
    return line if width is None else middle_cut(line, width)
