"""The table of models that `status`, `top` and `up` show."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from modelyard.cli.terminal_columns import GAP, Column, cell, fit
from modelyard.text.sizes import size_text

if TYPE_CHECKING:  # these imports would slow down the command
    from modelyard.control.status import ModelStatus
    from modelyard.telemetry.metrics.traffic import Traffic

COLOURS = {"READY": "green", "LOADING": "yellow", "UNAVAILABLE": "red"}
_COLUMNS = (
    Column("MODEL", min_width=20),
    Column("STATE"),
    Column("VERSION", min_width=7, drop_order=1),
    Column("RUNTIME", min_width=7, drop_order=5),
    Column("POOL", min_width=8, drop_order=4),
    Column("MEMORY", right=True, drop_order=3),
    Column("REPLICAS", drop_order=2),
    Column("REQ/S", right=True, drop_order=2),
    Column("P99", right=True, drop_order=2),
    Column("FAILED", right=True, drop_order=1),
    Column("QUEUED", right=True, drop_order=3),
    Column("URL", min_width=24, drop_order=4),
    Column("REASON", min_width=24),
)
_TRAFFIC_HEADINGS = ("REQ/S", "P99", "FAILED", "QUEUED")
_POOL_HEADINGS = ("POOL", "MEMORY")


def status_table(
    statuses: Sequence["ModelStatus"], traffic: "Mapping[str, Traffic] | None" = None, width: int | None = None
) -> Text:
    """The headings and one line for each model; see `status_lines`."""
    return Text("\n").join(status_lines(statuses, traffic, width))


def status_lines(
    statuses: Sequence["ModelStatus"], traffic: "Mapping[str, Traffic] | None" = None, width: int | None = None
) -> list[Text]:
    """The headings and one line for each model, no wider than `width`.

    With `traffic`, also the columns of the last minute's traffic. The columns POOL and MEMORY are shown if a model is in a pool,
    REASON if a model has a reason.
    """
    rows = [_cells(status, None if traffic is None else traffic.get(status.name)) for status in statuses]
    hidden = {
        *(() if traffic is not None else _TRAFFIC_HEADINGS),
        *(() if any(s.pool for s in statuses) else _POOL_HEADINGS),
        *(() if any(s.reason for s in statuses) else ("REASON",)),
    }
    places = [index for index, column in enumerate(_COLUMNS) if column.heading not in hidden]
    columns = [_COLUMNS[index] for index in places]
    cells = [[row[index] for index in places] for row in rows]
    shown = fit(columns, cells, width)
    lines = [_line([(columns[i].heading, wide, columns[i].right, "bold") for i, wide in shown])]
    for row, status in zip(cells, statuses, strict=True):
        lines.append(
            _line([(row[i], wide, columns[i].right, _style(columns[i].heading, row[i], status)) for i, wide in shown])
        )
    return lines


def _cells(status: "ModelStatus", traffic: "Traffic | None") -> list[str]:
    return [
        status.name,
        status.state,
        ", ".join(status.default_first) or "-",
        status.runtime or "-",
        status.pool or "-",
        size_text(status.resident_bytes) if status.residency == "RESIDENT" else status.residency or "-",
        f"{status.replicas}/{status.replicas_wanted}",
        "-" if traffic is None else f"{traffic.requests_per_s:.1f}",
        "-" if traffic is None or traffic.p99_s is None else f"{traffic.p99_s * 1000:.3g} ms",
        "-" if traffic is None else str(traffic.failed),
        "-" if traffic is None else str(traffic.queued),
        status.url or "-",
        " ".join(status.reason.split()),
    ]


def _style(heading: str, text: str, status: "ModelStatus") -> str:
    if heading == "STATE":
        return COLOURS[status.state]
    return "red" if heading == "REASON" or (heading == "FAILED" and text not in ("-", "0")) else ""


def _line(cells: Sequence[tuple[str, int, bool, str]]) -> Text:
    line = Text(" " * GAP).join(Text(cell(text, width, right=right), style) for text, width, right, style in cells)
    line.rstrip()
    return line
