"""Shows a sweep while it runs: a live table on a terminal, one line for each result elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from modelyard.cli.bench.bar_chart import number
from modelyard.cli.bench.choice import Check
from modelyard.cli.bench.levels import Level, LevelResult, Skipped, duration, latencies_of
from modelyard.cli.bench.report import checked, named, summary, table
from modelyard.cli.bench.sweep import Sweep
from modelyard.cli.bench.windows import Timing, Window
from modelyard.cli.terminal_columns import middle_cut
from modelyard.cli.terminal_report import width_of


class SweepProgress:
    """Writes to one console."""

    def __init__(self, to: Console, timing: Timing, live: Live | None = None) -> None:
        self._console = to
        self._timing = timing
        self._live = live

    def measuring(self, sweep: Sweep, what: Level | float, windows: Sequence[Window]) -> None:
        """A level, or random arrivals at this rate, is measured; these windows are complete."""
        if self._live is None:
            return
        width = width_of(self._console)
        line = status_line(sweep, what, windows, self._timing)
        lines = [table(sweep, width)] if sweep.results else []
        lines.append(Text(line if width is None else middle_cut(line, width - 1), "bold"))
        self._live.update(Text("\n").join(lines), refresh=True)

    def measured(self, sweep: Sweep, result: LevelResult | Skipped | Check) -> None:
        """One more result."""
        if self._live is None:
            self._console.print(result_line(result), markup=False)


@contextmanager
def shown_progress(to: Console, timing: Timing) -> Iterator[SweepProgress]:
    """The progress of a sweep. On a terminal it disappears at the end."""
    if not to.is_terminal:
        yield SweepProgress(to, timing)
        return
    with Live(console=to, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        yield SweepProgress(to, timing, live)


def result_line(result: LevelResult | Skipped | Check) -> str:
    """One result in words."""
    if isinstance(result, Skipped):
        return f"{named(result.level)}: skipped: {result.reason}"
    if isinstance(result, Check):
        return checked(result)
    return f"{named(result.level)}: {summary(result)}"


def status_line(sweep: Sweep, what: Level | float, windows: Sequence[Window], timing: Timing) -> str:
    """What is measured now, its last window, and how long the rest may take."""
    if isinstance(what, Level):
        place = sweep.levels.index(what)
        left = duration((len(sweep.levels) - place) * timing.max_level_s)
        text = f"{place + 1} of {len(sweep.levels)}, at most {left} left: {named(what)}, "
    else:
        text = f"random arrivals, {number(what)}/s, "
    if not windows:
        return f"{text}warm-up"
    last = windows[-1]
    found = latencies_of(last.latencies_s)
    p99 = f", p99 {number(found.p99)} ms" if found else ""
    errors = f", {sum(last.errors.values())} errors" if last.errors else ""
    return f"{text}window {len(windows)}: {number(last.requests_per_s)}/s{p99}{errors}"
