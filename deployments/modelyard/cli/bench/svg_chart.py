"""A chart of a sweep as SVG: the 99th percentile over the throughput, one line for each number of rows. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from modelyard.cli.bench.bar_chart import number

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 120, 50, 60
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, distinguishable with any colour vision."""
TICKS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """One level."""

    label: str
    throughput: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Series:
    """Levels with one number of rows."""

    name: str
    points: Sequence[Point]


def svg(title: str, series: Sequence[Series], *, x_title: str, p99_ms: float | None) -> str:
    """The chart. Labels of points are the numbers of requests in flight; the limit is a dashed line."""
    points = [point for each in series for point in each.points]
    across = _Axis(max((point.throughput for point in points), default=1.0), LEFT, WIDTH - RIGHT)
    slowest = max([point.p99_ms for point in points] + [p99_ms or 0.0], default=1.0)
    up = _Axis(slowest, HEIGHT - BOTTOM, TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 24, title, size=15),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x_title, anchor="middle"),
        _text(12, TOP - 14, "p99, ms"),
        *_grid(across, up),
    ]
    if p99_ms:
        y = up.place(p99_ms)
        lines.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#c00" stroke-dasharray="6 4"/>'
        )
        lines.append(_text(WIDTH - RIGHT + 6, y + 4, f"limit {p99_ms:g} ms"))
    for place, each in enumerate(series):
        lines += _series(each, across, up, COLOURS[place % len(COLOURS)])
        lines.append(_text(WIDTH - RIGHT + 6, TOP + 18 * place, each.name, colour=COLOURS[place % len(COLOURS)]))
    return "\n".join([*lines, "</svg>\n"])


class _Axis:
    """A linear scale from zero to a round number, on pixels."""

    def __init__(self, most: float, start: float, end: float) -> None:
        self.step = _round_step(most / TICKS)
        self._top = self.step * max(1, math.ceil(most / self.step - 1e-9))
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        return self._start + (self._end - self._start) * value / self._top

    def ticks(self) -> list[float]:
        return [self.step * index for index in range(round(self._top / self.step) + 1)]


def _round_step(least: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is not below."""
    power: float = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _grid(across: _Axis, up: _Axis) -> Iterator[str]:
    for value in up.ticks():
        y = up.place(value)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
        yield _text(LEFT - 6, y + 4, _tick(value, up.step), anchor="end")
    for value in across.ticks():
        yield _text(across.place(value), HEIGHT - BOTTOM + 18, _tick(value, across.step), anchor="middle")


def _series(series: Series, across: _Axis, up: _Axis, colour: str) -> Iterator[str]:
    places = [(across.place(each.throughput), up.place(each.p99_ms)) for each in series.points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for point, (x, y) in zip(series.points, places, strict=True):
        hint = f"{series.name}, {point.label} in flight: {number(point.throughput)}/s, p99 {number(point.p99_ms)} ms"
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>{escape(hint)}</title></circle>'
        yield _text(x + 7, y + 14, point.label, colour=colour)


def _tick(value: float, step: float) -> str:
    return f"{value:,.{max(0, -math.floor(math.log10(step)))}f}"


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(text)}</text>'
    )
