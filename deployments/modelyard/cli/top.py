"""`modelyard top`: look after look, what hurts first, no more than the terminal has lines for."""

import time
from collections.abc import Callable
from itertools import count

from rich.console import Console
from rich.live import Live
from rich.text import Text

from modelyard.cli.fleet_state import FleetState, StateSource
from modelyard.cli.model_table import status_table
from modelyard.cli.severity import worst_first
from modelyard.cli.terminal_columns import middle_cut
from modelyard.cli.terminal_report import width_of

OTHER_LINES = 3
"""The heading, the line that counts the rest, and the cursor's."""


def show_live(
    source: StateSource,
    to: Console,
    *,
    times: int,
    every_s: float,
    wide: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """`times` looks, 0 for no end, in place of each other on a terminal and one below the other in a file.

    A server that does not answer for a while is shown as that, unless it does not answer at first: that raises ConnectionError.
    """
    looks = range(times) if times else count()
    first = source.fetch()
    with Live(console=to, auto_refresh=False, vertical_overflow="crop") as live:
        for number in looks:
            if number:
                sleep(every_s)
            width = None if wide else width_of(to)
            try:
                screen = render_screen(
                    source.fetch() if number else first, width, to.height if to.is_terminal else None
                )
            except ConnectionError as error:
                screen = Text(str(error), "red")
            live.update(screen, refresh=True)


def render_screen(seen: FleetState, width: int | None, height: int | None) -> Text:
    """The server's notices, the models, and how many more there are than fit into `height` lines; None for all of them."""
    notices = [_first_line(notice, width) for notice in seen.notices()]
    traffic = seen.traffic
    statuses = worst_first(seen.statuses, traffic)
    room = len(statuses) if height is None else max(1, height - OTHER_LINES - len(notices))
    shown = statuses if len(statuses) <= room else statuses[:room]
    lines = [*(Text(notice, "yellow") for notice in notices), status_table(shown, traffic, width)]
    if more := len(statuses) - len(shown):
        well = sum(status.state == "READY" for status in statuses[len(shown) :])
        lines.append(Text(f"+{more} more, {well} of them READY", "dim"))
    return Text("\n").join(lines)


def _first_line(text: str, width: int | None) -> str:
    line = text.partition("\n")[0]
    return line if width is None else middle_cut(line, width)
