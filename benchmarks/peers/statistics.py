"""Medians over rounds, and ratios of two servers inside each round."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.peers.rounds import Measurement

Value = Callable[[Measurement], float]


def rate(measurement: Measurement) -> float:
    """Requests per second."""
    return measurement.sample.load.requests_per_s


def cpu_us(measurement: Measurement) -> float:
    """CPU microseconds per request of all processes."""
    return sum(measurement.sample.cpu_us.values())


def p50_ms(measurement: Measurement) -> float:
    return measurement.sample.load.p50_ms


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and the lowest and the highest."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ratio(Spread):
    """A ratio of two servers."""

    rounds: int

    @property
    def is_noise(self) -> bool:
        """Whether one server is not better than the other in every round."""
        return self.rounds > 1 and self.low <= 1 <= self.high

    def __str__(self) -> str:
        if self.rounds == 1:
            return f"{self.middle:.2f}x"
        figures = f"{self.low:.2f} to {self.high:.2f}"
        return f"no difference ({figures})" if self.is_noise else f"{self.middle:.2f}x ({figures})"


def of(measurements: Iterable[Measurement], peer: str, cell: str) -> Mapping[int, Measurement]:
    """The measurements of a server in a cell, by round."""
    return {each.round: each for each in measurements if (each.peer, each.cell) == (peer, cell)}


def spread(values: Iterable[float]) -> Spread:
    """Of at least one value."""
    found = sorted(values)
    return Spread(median(found), found[0], found[-1])


def ratio(own: Mapping[int, Measurement], other: Mapping[int, Measurement], value: Value) -> Ratio | None:
    """The first server's value relative to the other's, in the rounds that have both; None if there are none."""
    ratios = [value(own[number]) / value(other[number]) for number in own.keys() & other.keys()]
    if not ratios:
        return None
    found = spread(ratios)
    return Ratio(found.middle, found.low, found.high, len(ratios))
