"""Random tables to fit models with, and random rows for requests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tests.zoo.draw import Draw
from tests.zoo.tables import CATEGORICAL, NUMERIC, Column, Form, Kind, Row, Table

PLAIN_NAMES = ("age", "income", "visits", "plan", "city", "score", "member", "height", "notes", "rate", "size")
ODD_NAMES = (
    "a b", "it's", 'say "x"', "größe", "x", "text", "id", "label", "x0", "0", "a/b", "a~1b", "a.b", "日本", "Age", "age",
    "a,b", "scores", "inputs", "b64", "index", " lead", "columns",
)  # fmt: skip
POOLS: tuple[tuple[str, ...], ...] = (
    ("red", "green", "blue"),
    ("basic", "pro", "team", "free"),
    ("oslo", "rome", "bern", "köln", "nice", "lima"),
    ("nan", "None", "yes", "null"),
    ("a,b", 'say "hi"', "it's", "line\nbreak"),
    ("1", "2", "10"),
    ("True", "False"),
    ("x", "X", " x"),
)
WHOLE_POOLS = ((1, 2, 3), (10, 20, 35), (-1, 0, 7), (0, 1), (3, 1, 2, 5))
WORDS = (
    "good",
    "bad",
    "late",
    "parcel",
    "money",
    "back",
    "please",
    "thanks",
    "very",
    "where",
    "is",
    "my",
    "über",
    "don't",
)
UNKNOWN = "never seen"


def table(draw: Draw) -> Table:
    """Any table."""
    rows = draw.whole(40, 80)
    form: Form = draw.weighted([(10, "frame"), (4, "array"), (1, "numbered frame"), (1.5, "texts")])
    if form == "texts":
        return Table((_column(draw, "text", "prose", rows, holes=0, form=form),), form)
    if form == "array" and draw.chance(0.7):
        dtype = draw.weighted([(4, "float64"), (1, "float32"), (1, "int64")])
        kind: Kind = draw.one("float64", "int64") if dtype == "float64" else dtype
        holes = 0.1 if dtype != "int64" and draw.chance(0.3) else 0
        count = draw.whole(1, 5)
        return Table(tuple(_column(draw, f"x{index}", kind, rows, holes, form) for index in range(count)), form, dtype)
    count = draw.whole(1, 6)
    names = draw.shuffled(PLAIN_NAMES if draw.chance(0.7) else ODD_NAMES)[:count]
    kinds = _kinds(draw, count)
    holes = draw.weighted([(3, 0.0), (2, 0.1)])
    columns = [
        _column(draw, name if form == "frame" else f"x{place}", kind, rows, holes if draw.chance(0.6) else 0, form)
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return Table(tuple(columns), form, "object")


def _kinds(draw: Draw, count: int) -> list[Kind]:
    if draw.chance(0.3):
        return [draw.one(*NUMERIC) for _ in range(count)]
    if draw.chance(0.15):
        return [draw.one(*CATEGORICAL) for _ in range(count)]
    weights = [
        (4, "float64"),
        (1, "float32"),
        (2, "int64"),
        (1.5, "bool"),
        (4, "text"),
        (1, "whole category"),
        (0.5, "prose"),
    ]
    kinds: list[Kind] = [draw.weighted(weights) for _ in range(count)]  # type: ignore[arg-type]
    return kinds


def _column(draw: Draw, name: str, kind: Kind, rows: int, holes: float, form: Form) -> Column:
    values = _values(draw, kind, rows)
    if kind == "prose":
        holes = 0  # no vectorizer accepts a missing text
    if holes:
        values = [
            None if missing else value for missing, value in zip(draw.numpy.random(rows) < holes, values, strict=True)
        ]
    has_gaps = None in values
    stored, gap = _stored(draw, kind, has_gaps, form)
    return Column(name, kind, tuple(values), stored, gap)


def _values(draw: Draw, kind: Kind, rows: int) -> list[Any]:
    numbers = draw.numpy
    if kind in ("float64", "float32"):
        match draw.whole(0, 2):
            case 0:
                found = numbers.normal(draw.whole(-50, 50), draw.one(0.1, 1.0, 20.0), rows)
            case 1:
                found = numbers.lognormal(draw.whole(0, 8), 0.7, rows).round(2)
            case _:
                found = numbers.uniform(0, 1, rows).round(3)
        return found.astype(kind).tolist()
    if kind == "int64":
        low = draw.one(0, -5, 1)
        return numbers.integers(low, draw.one(6, 100, 100_000), rows).tolist()
    if kind == "bool":
        return (numbers.random(rows) < 0.5).tolist()
    if kind == "prose":
        return [" ".join(numbers.choice(WORDS, draw.whole(2, 7))) for _ in range(rows)]
    pool: Sequence[Any] = draw.one(*(POOLS if kind == "text" else WHOLE_POOLS))
    weights = numbers.dirichlet([4.0] * len(pool))
    return [pool[index] for index in numbers.choice(len(pool), rows, p=weights)]


def _stored(draw: Draw, kind: Kind, has_gaps: bool, form: Form) -> tuple[str, Any]:
    nullable = draw.chance(0.05)
    match kind:
        case "float64" | "float32":
            return kind, np.nan
        case "int64" | "whole category":
            if kind == "whole category" and not has_gaps and draw.chance(0.2) and form != "array":
                return "category", np.nan
            return ("Int64", pd.NA) if nullable and form == "frame" else ("float64" if has_gaps else "int64", np.nan)
        case "bool":
            gap = draw.one(np.nan, None)
            return ("boolean", pd.NA) if nullable and form == "frame" else ("object" if has_gaps else "bool", gap)
        case "text" if form == "frame":
            return draw.weighted(
                [(5, ("str", np.nan)), (3, ("object", draw.one(np.nan, None))), (3, ("category", np.nan))]
            )
        case _:
            return "object", draw.one(np.nan, None)


def request_rows(draw: Draw, table: Table, count: int) -> list[Row]:
    """Fitted rows, every known category, and rows that differ from fitted ones in a value or two."""
    fitted = table.rows
    plain = [draw.one(*fitted) for _ in range(max(2, count // 4))]
    rows = list(plain)
    for place in table.of(*CATEGORICAL, "bool"):
        rows += [_with(draw.one(*fitted), place, value) for value in table.columns[place].known[:4]]
    while len(rows) < count:
        row = draw.one(*fitted)
        for place in draw.some(range(len(table.columns)), 1, draw.one(1, 1, 2, 6)):
            row = _with(row, place, _unusual(draw, table.columns[place]))
        rows.append(row)
    return draw.shuffled(rows)[: max(count, 6)]


def complete_rows(table: Table, count: int) -> list[Row]:
    """Fitted rows without a missing value if there are any, for an example."""
    rows = list(dict.fromkeys(row for row in table.rows if None not in row)) or table.rows
    return rows[:count]


def _with(row: Row, place: int, value: Any) -> Row:
    return (*row[:place], value, *row[place + 1 :])


def _unusual(draw: Draw, column: Column) -> Any:
    """A value that may not occur in the fit."""
    if column.kind == "prose":
        return draw.one(UNKNOWN, "", "good parcel", " ".join(draw.some(WORDS, 5)))
    if draw.chance(0.5 if column.has_gaps else 0.15):
        return None
    known = column.known
    match column.kind:
        case "float64" | "float32":
            value = draw.one(*known) * draw.one(10.0, -1.0, 0.0, 1.5, 0.01, 1e4)
            return float(np.float32(value)) if column.kind == "float32" else float(value)
        case "int64":
            return draw.one(*known) * draw.one(10, -1, 0, 2, 1000)
        case "bool":
            return draw.one(True, False)
        case "whole category":
            return draw.one(99, *known)
        case _:
            return draw.one(UNKNOWN, UNKNOWN, "", *known)
