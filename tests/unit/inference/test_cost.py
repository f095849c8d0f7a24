"""The estimated cost of a call follows the measured costs."""

import pytest

from modelyard.inference.cost import BatchCost


def test_the_first_estimate_is_that_of_warm_up() -> None:
    cost = BatchCost(0.002, 0.001)
    assert cost.of(8) == pytest.approx(0.010)
    assert cost.of(8, batches=4) == pytest.approx(0.016)


def test_the_estimate_rises_within_a_few_calls_and_falls_slowly() -> None:
    cost = BatchCost(1e-4, 0.0)
    for _ in range(12):
        cost.observe(1, 0.1)
    assert cost.of(1) == pytest.approx(0.1, rel=0.02)
    cost.observe(1, 1e-4)
    assert cost.of(1) > 0.09
    for _ in range(300):
        cost.observe(1, 1e-4)
    assert cost.of(1) == pytest.approx(1e-4, rel=0.02)


def test_one_outlier_hardly_changes_the_estimate() -> None:
    cost = BatchCost(10e-6, 0.0)
    cost.observe(1, 5.0)
    assert cost.of(1) < 50e-6


def test_the_number_of_rows_for_a_duration_follows_the_estimate() -> None:
    assert BatchCost(0.1, 0.2).rows_within(1.0) == pytest.approx(4.5)
    assert BatchCost(2.0, 0.2).rows_within(1.0) < 1
    assert BatchCost(0.1, 0.0).rows_within(1.0) == float("inf")
    cost = BatchCost(0.1, 0.2)
    for _ in range(50):
        cost.observe(1, 0.6)
    assert cost.rows_within(1.0) == pytest.approx(2.0, rel=0.01)


def test_a_model_that_is_too_fast_for_the_clock_has_a_positive_estimate() -> None:
    cost = BatchCost(0.0, 0.0)
    cost.observe(0, 0.0)
    assert cost.of(1) > 0
