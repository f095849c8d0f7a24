"""Random targets that depend on a table."""

from typing import Any, Literal

import numpy as np

from tests.zoo.draw import Draw
from tests.zoo.tables import Table

Task = Literal["classes", "multilabel", "several classes", "number", "several numbers", "none"]

LABELS: tuple[tuple[Any, ...], ...] = (
    (0, 1),
    (-1, 1),
    (False, True),
    ("no", "yes"),
    (0, 1, 2),
    (10, 20, 35),
    (-3, 0, 7),
    ("silver", "gold", "bronze"),
    ("a,b", "nan", "c"),
    (1.0, 2.0, 5.0),
    ("0", "1", "2"),
    ("0", "2", "1", "10"),
)


def task(draw: Draw) -> Task:
    """The task to learn."""
    return draw.weighted(
        [
            (6, "classes"),
            (0.7, "multilabel"),
            (0.7, "several classes"),
            (3, "number"),
            (1, "several numbers"),
            (2.2, "none"),
        ]
    )


def target(draw: Draw, task: Task, table: Table) -> Any:
    """The y for a fit; None for the task "none"."""
    hidden = _hidden(draw, table)
    match task:
        case "classes":
            return _classes(draw, hidden)
        case "multilabel":
            return np.column_stack([_classes(draw, _hidden(draw, table), (0, 1)) for _ in range(draw.whole(2, 3))])
        case "several classes":
            columns = [_classes(draw, _hidden(draw, table), draw.one((0, 1, 2), (0, 1))) for _ in range(2)]
            if draw.chance(0.5):
                return np.column_stack([np.array(["lo", "mid", "hi"])[column] for column in columns])
            return np.column_stack(columns)
        case "number":
            numbers = hidden * draw.one(1.0, 100.0) + draw.one(0.0, 500.0)
            return np.abs(numbers).round().astype(int) if draw.chance(0.2) else numbers
        case "several numbers":
            return np.column_stack([hidden, _hidden(draw, table) * 10])
        case _:
            return None


def _classes(draw: Draw, hidden: Any, labels: tuple[Any, ...] | None = None) -> Any:
    labels = labels or draw.one(*LABELS)
    edges = np.quantile(hidden, np.linspace(0, 1, len(labels) + 1)[1:-1])
    return np.array(labels)[np.digitize(hidden, edges)]


def _hidden(draw: Draw, table: Table) -> Any:
    """One number a row, out of its values and some noise."""
    total = draw.numpy.normal(0, 0.3, len(table.rows))
    for column in table.columns:
        numbers = np.array([float("nan") if value is None else _number(value) for value in column.values])
        spread = np.nanstd(numbers)
        if np.isfinite(spread) and spread > 0:
            total += draw.numpy.normal() * np.nan_to_num((numbers - np.nanmean(numbers)) / spread)
    return total


def _number(value: Any) -> float:
    return float(sum(map(ord, value)) % 17) if isinstance(value, str) else float(value)
