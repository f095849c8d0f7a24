"""What was measured, with its goal, as a row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.markdown import table


@dataclass(frozen=True, slots=True)
class Row:
    """One measured value."""

    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the value meets its goal; true without one."""
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    def cells(self) -> list[str]:
        """What, goal, measured, and whether the goal is met."""
        unit = f" {self.unit}" if self.unit else ""
        goal = ""
        if self.at_most is not None:
            goal = f"at most {self.at_most:g}{unit}"
        elif self.at_least is not None:
            goal = f"at least {self.at_least:g}{unit}"
        verdict = ("met" if self.is_met else "**missed**") if goal else ""
        return [
            self.what,
            goal,
            f"{self.value:.3g}{unit}" if self.value < 1000 else f"{self.value:,.0f}{unit}",
            verdict,
        ]


def rows_table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    return table(["", "goal", "measured", ""], [row.cells() for row in rows])


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least this share of the values. Raises ValueError without values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]
