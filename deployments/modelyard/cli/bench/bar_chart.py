"""A chart of throughput and latency in plain characters. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

MARK, BAR, BEYOND = "|", "#", ">"
MIN_BAR, MAX_BAR = 8, 40
GAP = 2
VALUE = 9
"""Columns of a value beside its bar."""


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One level."""

    label: str
    throughput: float
    p99_ms: float | None


def chart(rows: Sequence[ChartRow], *, width: int, throughput_unit: str, label: str, p99_ms: float | None) -> list[str]:
    """Lines of at most `width` columns: for each row, a bar of the throughput and one of the 99th percentile.

    With a limit, it is marked in the middle of the second bar, and values beyond twice the limit end in ">".
    """
    if not rows:
        return []
    labels = max(len(label), *(len(row.label) for row in rows))
    bar = (width - labels - 2 * (GAP + VALUE + 1)) // 2
    bar = max(MIN_BAR, min(MAX_BAR, bar))
    most = max(row.throughput for row in rows)
    slowest = 2 * p99_ms if p99_ms else max((row.p99_ms or 0.0 for row in rows), default=0.0)
    limit = f", limit {p99_ms:g} at {MARK}" if p99_ms else ""
    lines = [f"{label:>{labels}}  {throughput_unit:<{bar + 1 + VALUE}}  P99 MS{limit}".rstrip()]
    for row in rows:
        second = _bar(row.p99_ms, slowest, bar, marked=p99_ms is not None)
        value = "-" if row.p99_ms is None else number(row.p99_ms)
        lines.append(
            f"{row.label:>{labels}}  {_bar(row.throughput, most, bar):<{bar}} {number(row.throughput):>{VALUE}}"
            f"  {second:<{bar}} {value:>{VALUE}}"
        )
    return lines


def number(value: float) -> str:
    """Three or more digits: "0.123", "12.3", "1,234"."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _bar(value: float | None, full: float, width: int, *, marked: bool = False) -> str:
    """A bar that is `width` long at the value `full`, and ends in ">" above it; with a mark at its middle."""
    share = 0.0 if value is None or full <= 0 else value / full
    length = min(width, max(1, round(share * width))) if share > 0 else 0
    text = BAR * length
    if share > 1.005:
        text = text[:-1] + BEYOND
    if marked:
        middle = width // 2
        text = f"{text:<{middle + 1}}"
        text = text[:middle] + MARK + text[middle + 1 :]
    return text
