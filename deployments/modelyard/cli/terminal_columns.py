"""Fits table columns to a terminal's width: drops columns, and shortens long cells in the middle. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = 2
MIN_WIDTH = 6
"""Minimum width of a column that may be shortened, after all droppable columns are dropped."""
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    heading: str
    right: bool = False
    """Whether cells are right-aligned, for numbers."""
    min_width: int | None = None
    """Cells are shortened to this width before columns are dropped; None if they are never shortened."""
    drop_order: int = 0
    """Columns with the highest number are dropped first; those with 0 never."""


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[tuple[int, int]]:
    """The columns to show, as (index, width), so that a line has at most `width` cells. With None, all at their natural width."""
    natural = [
        max(cell_len(text) for text in (column.heading, *(row[index] for row in rows)))
        for index, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    if width is None:
        return [(index, natural[index]) for index in shown]
    least = [
        wide if (low := columns[index].min_width) is None else min(wide, low) for index, wide in enumerate(natural)
    ]
    while _total([least[index] for index in shown]) > width:
        last = max(shown, key=lambda index: (columns[index].drop_order, index))
        if columns[last].drop_order == 0:
            break
        shown.remove(last)
    widths = {index: least[index] for index in shown}
    while _total([*widths.values()]) > width:
        widest = max(
            (index for index in shown if columns[index].min_width), key=lambda index: widths[index], default=None
        )
        if widest is None or widths[widest] <= MIN_WIDTH:
            break
        widths[widest] -= 1
    spare = width - _total([*widths.values()])
    for index in shown:  # left to right: names before reasons
        more = max(0, min(spare, natural[index] - widths[index]))
        widths[index] += more
        spare -= more
    return [*widths.items()]


def cell(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells; a longer text is shortened in the middle."""
    text = middle_cut(text, width)
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def middle_cut(text: str, width: int) -> str:
    """The text in at most `width` cells."""
    if cell_len(text) <= width:
        return text
    if width < 3:
        return ELLIPSIS[:width]
    begin, end = text[: (width + 1) // 2 - 1], text[len(text) - width // 2 :]
    while cell_len(begin) + 1 + cell_len(end) > width:  # wide characters
        begin, end = (begin[:-1], end) if len(begin) >= len(end) else (begin, end[1:])
    return begin + ELLIPSIS + end


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * max(0, len(widths) - 1)
