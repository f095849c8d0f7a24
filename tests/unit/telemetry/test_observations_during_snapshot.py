"""Values that are observed while a snapshot is made. Each is in exactly one snapshot: this one or the next."""

import pytest

from modelyard.telemetry.metrics.counters import MANY, Observations
from modelyard.telemetry.metrics.declarations import BATCH_SIZE


class Observing:
    """A number that observes others when it is sorted into a bucket, like a second thread at that moment."""

    def __init__(self, observations: Observations, value: float, others: list[float]) -> None:
        self._observations = observations
        self._value = value
        self._others = others

    def __float__(self) -> float:
        while self._others:
            self._observations.observe(self._others.pop())
        return self._value

    def __gt__(self, bound: float) -> bool:
        return float(self) > bound


@pytest.mark.parametrize("others", [[2.0], [2.0] * 5, [2.0] * 100])
@pytest.mark.parametrize("before", [3, MANY])
def test_values_that_come_during_a_snapshot_are_in_the_next(others: list[float], before: int):
    observations, count, number = Observations(BATCH_SIZE), len(others), before + 1
    for _ in range(before):
        observations.observe(1.0)
    observations.observe(Observing(observations, 1.0, list(others)))  # type: ignore[arg-type] # converted to a float
    first = observations.histogram()
    assert (sum(first.counts), first.counts[0], first.nanos) == (number, number, number * 1_000_000_000)
    second = observations.histogram()
    assert (sum(second.counts), second.counts[1]) == (number + count, count)
    assert second.nanos == (number + 2 * count) * 1_000_000_000
    assert observations.histogram() == second


def test_a_snapshot_without_observations_repeats_the_last():
    observations = Observations(BATCH_SIZE)
    assert sum(observations.histogram().counts) == 0
    observations.observe(3.0)
    first = observations.histogram()
    assert (sum(first.counts), first.nanos) == (1, 3_000_000_000)
    assert observations.histogram() is first
