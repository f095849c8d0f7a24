"""What `modelyard bench` prints: the plan, the table, the chart and the conclusion. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from modelyard.cli.bench.bar_chart import ChartRow, chart, number
from modelyard.cli.bench.choice import Check, nearest_level
from modelyard.cli.bench.levels import UNSTABLE, Level, LevelResult, Skipped
from modelyard.cli.bench.recommendation import Recommendation
from modelyard.cli.bench.svg_chart import Point, Series, svg
from modelyard.cli.bench.sweep import Sweep
from modelyard.cli.terminal_columns import GAP, Column, cell, fit

BUSY = 0.9
"""A client process, or the machine, with this share of its cores in use may limit the result."""
MIN_LATE_MS, LATE_SHARE = 5.0, 0.2
"""A client that is later than this, and than this share of the limit, adds to the 99th percentile of random arrivals."""
CHART_WIDTH = 100
"""Columns of the chart if the output is a file."""
_COLUMNS = (
    Column("ROWS", right=True),
    Column("IN FLIGHT", right=True),
    Column("REQ/S", right=True),
    Column("ROWS/S", right=True),
    Column("P50 MS", right=True),
    Column("P90 MS", right=True, drop_order=3),
    Column("P99 MS", right=True),
    Column("MAX MS", right=True, drop_order=4),
    Column("BATCH", right=True, drop_order=2),
    Column("CLIENT", right=True, drop_order=5),
    Column("NOTE", min_width=26),
)


def named(level: Level) -> str:
    """The level in words."""
    if level.rows is None:
        return f"{level.in_flight} in flight"
    return f"{level.rows} {'row' if level.rows == 1 else 'rows'}, {level.in_flight} in flight"


def summary(result: LevelResult) -> str:
    """The rate and the 99th percentile, and what is wrong with them."""
    rows = "" if result.rows_per_s is None else f" ({number(result.rows_per_s)} rows/s)"
    p99 = f", p99 {number(result.p99_ms)} ms" if result.latencies else ""
    doubts = f" ({', '.join(result.doubts)})" if result.doubts else ""
    return f"{number(result.window.requests_per_s)} requests/s{rows}{p99}{doubts}"


def table(sweep: Sweep, width: int | None) -> Text:
    """One line for each level, measured or skipped, in the order of the plan."""
    measured = {each.level: each for each in sweep.results}
    skipped = {each.level: each for each in sweep.skipped}
    shown = [level for level in sweep.levels if level in measured or level in skipped]
    rows = [_cells(measured[level], sweep) if level in measured else _skipped_cells(skipped[level]) for level in shown]
    hidden = {"NOTE"} if not any(row[-1] for row in rows) else set()
    places = [index for index, column in enumerate(_COLUMNS) if column.heading not in hidden]
    columns = [_COLUMNS[index] for index in places]
    cells = [[row[index] for index in places] for row in rows]
    widths = fit(columns, cells, width)
    lines = [_line([(columns[index].heading, wide, columns[index].right, "bold") for index, wide in widths])]
    for level, row in zip(shown, cells, strict=True):
        style = _style(measured.get(level), sweep.p99_ms)
        lines.append(_line([(row[index], wide, columns[index].right, style) for index, wide in widths]))
    return Text("\n").join(lines)


def sweep_chart(sweep: Sweep, width: int | None) -> list[str]:
    """The chart of the measured levels."""
    known = all(each.rows_per_s is not None for each in sweep.results)
    rows = [
        ChartRow(
            f"{each.level.rows or '-'} x {each.level.in_flight}",
            each.rows_per_s or 0.0 if known else each.window.requests_per_s,
            each.latencies.p99 if each.latencies else None,
        )
        for each in sweep.results
    ]
    unit = "ROWS/S" if known else "REQ/S"
    return chart(rows, width=width or CHART_WIDTH, throughput_unit=unit, label="ROWS x IN FLIGHT", p99_ms=sweep.p99_ms)


def sweep_svg(sweep: Sweep, model: str) -> str:
    """The chart of the measured levels, as SVG."""
    known = all(each.rows_per_s is not None for each in sweep.results)
    series: dict[str, list[Point]] = {}
    for each in sweep.results:
        if each.latencies:
            rows = each.level.rows
            name = "bodies as they are" if rows is None else f"{rows} {'row' if rows == 1 else 'rows'}"
            value = each.rows_per_s or 0.0 if known else each.window.requests_per_s
            series.setdefault(name, []).append(Point(str(each.level.in_flight), value, each.latencies.p99))
    lines = [Series(name, points) for name, points in series.items()]
    x_title = "rows per second" if known else "requests per second"
    return svg(f"{model}: p99 by throughput (numbers: requests in flight)", lines, x_title=x_title, p99_ms=sweep.p99_ms)


def conclusion(sweep: Sweep) -> Iterator[str]:
    """Which level meets the limit, or why none does."""
    if sweep.p99_ms is None:
        if not sweep.stopped:
            yield "State a limit with --p99-ms to get the settings that meet it."
        return
    if sweep.best is None:
        if sweep.stopped:
            return
        nearest = nearest_level(sweep.results)
        if nearest is None:
            yield f"No level meets a p99 of {sweep.p99_ms:g} ms: every level had errors."
            return
        found = f"{named(nearest.level)}: {summary(nearest)}."
        if nearest.p99_ms > sweep.p99_ms:
            yield f"No level meets a p99 of {sweep.p99_ms:g} ms. Nearest: {found}"
        else:
            yield f"No level meets a p99 of {sweep.p99_ms:g} ms reliably: measure longer with --max-s. Nearest: {found}"
        return
    best = sweep.best
    yield f"Best level with a p99 of at most {sweep.p99_ms:g} ms: {named(best.level)}: {summary(best)}."
    if (worst := best.worst_window_p99_ms) is not None and worst > sweep.p99_ms:
        yield f"One of its windows had a p99 of {number(worst)} ms."
    if not best.stable:
        yield (
            f"Its throughput was unstable: at least {number(best.sustained_per_s)} requests/s in each window, within the limit. "
            f"--max-s measures longer."
        )
    if best.level.rows and best.level.rows > 1:
        yield f"That throughput needs clients that send {best.level.rows} rows per request; --rows 1 measures single rows."
    yield from map(checked, sweep.checks)
    if not sweep.met and not sweep.stopped:
        yield (
            f"No rate of random arrivals meets a p99 of {sweep.p99_ms:g} ms: clients that do not wait for each other's "
            f"responses wait longer than those of the table."
        )


def checked(check: Check) -> str:
    """The result of random arrivals."""
    result = check.result
    doubts = [each for each in result.doubts if each != UNSTABLE]
    more = f" ({', '.join(doubts)})" if doubts else ""
    return (
        f"Checked with random arrivals at {100 * check.share:.0f} % of its throughput: {number(result.window.requests_per_s)} "
        f"requests/s, p99 {number(result.p99_ms)} ms from each arrival, at most {result.window.peak_in_flight} in flight{more}."
    )


def remarks(sweep: Sweep, cores: int) -> Iterator[str]:
    """What limits the figures."""
    every = [*sweep.results, *(each.result for each in sweep.checks)]
    if not every:
        return
    busy = [each for each in every if each.window.client_core >= BUSY]
    if busy:
        yield (
            f"warning: a client process used {max(each.window.client_core for each in busy):.2f} of a core: at "
            f"{len(busy)} of {len(every)} loads the client may be the limit, and not the server"
        )
    if any(each.machine_cores is not None and each.machine_cores >= 0.95 * cores for each in every):
        used = max(each.window.client_cores for each in every)
        yield (
            f"note: all {cores} cores of this machine were busy. The clients used up to {used:.2f} of them; without them, and "
            f"without other processes, the server can do more"
        )
    late_ms = 1e3 * max((each.result.window.client_late_s for each in sweep.checks), default=0.0)
    if sweep.p99_ms is not None and late_ms > max(MIN_LATE_MS, LATE_SHARE * sweep.p99_ms):
        yield (
            f"note: with random arrivals the client was held up for up to {late_ms:.0f} ms, because the machine was busy. The "
            f"requests that it then sent at once add to the p99"
        )


def as_json(sweep: Sweep, found: Recommendation | None, yaml: str, about: dict[str, Any]) -> dict[str, Any]:
    """Everything that was measured; latencies in milliseconds."""
    return {
        **about,
        "p99_ms": sweep.p99_ms,
        "levels": [each.as_json() for each in sweep.results],
        "skipped": [
            {"in_flight": each.level.in_flight, "rows": each.level.rows, "reason": each.reason}
            for each in sweep.skipped
        ],
        "best": sweep.best.as_json() if sweep.best else None,
        "checks": [each.as_json() for each in sweep.checks],
        "settings": found.values if found else None,
        "reasons": list(found.reasons) if found else [],
        "warnings": list(found.warnings) if found else [],
        "yaml": yaml or None,
        "stopped": sweep.stopped or None,
    }


def _cells(result: LevelResult, sweep: Sweep) -> list[str]:
    shown = result.latencies
    times = [number(getattr(shown, key)) if shown else "-" for key in ("p50", "p90", "p99", "max")]
    batch = result.server.batch_rows
    return [
        _rows(result.level),
        str(result.level.in_flight),
        number(result.window.requests_per_s),
        "-" if result.rows_per_s is None else number(result.rows_per_s),
        *times,
        "-" if batch is None else f"{batch:.1f}",
        f"{result.window.client_cores:.2f}",
        ", ".join([*(("best",) if sweep.best and result.level == sweep.best.level else ()), *result.doubts]),
    ]


def _skipped_cells(skipped: Skipped) -> list[str]:
    blank = ["-"] * (len(_COLUMNS) - 3)
    return [_rows(skipped.level), str(skipped.level.in_flight), *blank, f"skipped: {skipped.reason}"]


def _rows(level: Level) -> str:
    return "-" if level.rows is None else str(level.rows)


def _style(result: LevelResult | None, p99_ms: float | None) -> str:
    if result is None:
        return "dim"
    if result.window.errors:
        return "red"
    return "green" if p99_ms is not None and result.meets(p99_ms) else ""


def _line(cells: Sequence[tuple[str, int, bool, str]]) -> Text:
    line = Text(" " * GAP).join(Text(cell(text, width, right=right), style) for text, width, right, style in cells)
    line.rstrip()
    return line
