"""Measures the levels in turn, skips those that cannot help, and checks the best one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from modelyard.cli.bench.choice import CHECKED_SHARES, Check, best_level
from modelyard.cli.bench.levels import Level, LevelResult, Skipped, reason_to_skip
from modelyard.cli.bench.measurement import OnWindows
from modelyard.cli.bench.windows import Window

INTERRUPTED = "interrupted"


class Measures(Protocol):
    """See `measurement.Measuring`."""

    def level(self, level: Level, on_windows: OnWindows) -> LevelResult:
        """Measure a level."""

    def check(self, best: LevelResult, share: float, on_windows: OnWindows) -> Check:
        """Measure random arrivals."""


@dataclass(slots=True)
class Sweep:
    """What has been measured so far."""

    levels: Sequence[Level]
    p99_ms: float | None
    results: list[LevelResult] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    best: LevelResult | None = None
    """The level with the highest throughput that meets the limit."""
    checks: list[Check] = field(default_factory=list)
    """Of the best level; the last one meets the limit, if one does."""
    stopped: str = ""
    """Why the sweep ended early; "" if it did not."""

    @property
    def met(self) -> Check | None:
        """The check that met the limit."""
        return next((each for each in self.checks if self.p99_ms is not None and each.meets(self.p99_ms)), None)


class Progress(Protocol):
    """Shows a sweep while it runs."""

    def measuring(self, sweep: Sweep, what: Level | float, windows: Sequence[Window]) -> None:
        """A level, or a check of this rate, is measured; these windows are complete."""

    def measured(self, sweep: Sweep, result: LevelResult | Skipped | Check) -> None:
        """One more result."""


def run(sweep: Sweep, measuring: Measures, progress: Progress) -> None:
    """Fill in the sweep. An interrupt, or a server that stops, ends it early; the results so far remain."""
    try:
        _levels(sweep, measuring, progress)
        _checks(sweep, measuring, progress)
    except KeyboardInterrupt:
        sweep.stopped = INTERRUPTED
    except OSError as error:
        sweep.stopped = str(error)


def _levels(sweep: Sweep, measuring: Measures, progress: Progress) -> None:
    for level in sweep.levels:
        if reason := reason_to_skip(level, sweep.results, sweep.p99_ms):
            sweep.skipped.append(Skipped(level, reason))
            progress.measured(sweep, sweep.skipped[-1])
            continue
        progress.measuring(sweep, level, ())
        result = measuring.level(level, partial(progress.measuring, sweep, level))
        sweep.results.append(result)
        progress.measured(sweep, result)


def _checks(sweep: Sweep, measuring: Measures, progress: Progress) -> None:
    if sweep.p99_ms is None or (best := best_level(sweep.results, sweep.p99_ms)) is None:
        return
    sweep.best = best
    for share in CHECKED_SHARES:
        rate = share * best.sustained_per_s
        progress.measuring(sweep, rate, ())
        check = measuring.check(best, share, partial(progress.measuring, sweep, rate))
        sweep.checks.append(check)
        progress.measured(sweep, check)
        if check.meets(sweep.p99_ms):
            return
