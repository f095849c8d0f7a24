"""Draws bars as SVG: one for each server, with the range of the rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.peers.statistics import Spread

WIDTH, LABELS, FIGURES = 760, 170, 110
"""Of the picture, of the names at the left, and of the figures at the right, in pixels."""
TOP, ROW, BAR = 44, 28, 18
BLUE, GREY, INK, PAPER = "#2563eb", "#9ca3af", "#1f2937", "#ffffff"


@dataclass(frozen=True, slots=True)
class Bar:
    """One server."""

    label: str
    value: Spread
    emphasized: bool = False


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """The picture. The longest bar has the full width."""
    longest = max(bar.value.high for bar in bars)
    scale = (WIDTH - LABELS - FIGURES) / longest
    height = TOP + ROW * len(bars) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="{PAPER}"/>',
        f'<text x="12" y="26" font-size="15" font-weight="bold" fill="{INK}">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        lines += _bar(bar, TOP + ROW * number, scale)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _bar(bar: Bar, top: int, scale: float) -> list[str]:
    """The name, the bar, a line from the lowest to the highest round, and the median."""
    middle, baseline = top + BAR / 2, top + BAR - 5
    low, high = (LABELS + value * scale for value in (bar.value.low, bar.value.high))
    weight = ' font-weight="bold"' if bar.emphasized else ""
    return [
        f'<text x="{LABELS - 8}" y="{baseline}" text-anchor="end" fill="{INK}"{weight}>{escape(bar.label)}</text>',
        f'<rect x="{LABELS}" y="{top}" width="{bar.value.middle * scale:.1f}" height="{BAR}"'
        f' fill="{BLUE if bar.emphasized else GREY}"/>',
        f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="{INK}" stroke-width="2"/>',
        f'<text x="{high + 8:.1f}" y="{baseline}" fill="{INK}"{weight}>{bar.value.middle:,.0f}</text>',
    ]
