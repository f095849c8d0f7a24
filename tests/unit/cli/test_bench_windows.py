"""Percentiles, stability and the length of measuring windows."""

import pytest

from modelyard.cli.bench.windows import (
    MIN_PER_WINDOW,
    Timing,
    Window,
    after_each_other,
    beside,
    is_finished,
    is_stable,
    percentile,
    result_of,
    window_s_for,
)

TIMING = Timing(window_s=1.0, max_s=10.0)


def window(count: int, latency_s: float = 0.01, elapsed_s: float = 1.0, errors: int = 0) -> Window:
    return Window(elapsed_s, [latency_s] * count, {"503": errors} if errors else {})


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5.0], 0.99, 5.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 101)], 1.0, 100.0),
        ([float(n) for n in range(1, 201)], 0.99, 198.0),
    ],
)
def test_a_percentile_is_a_measured_value(values: list[float], share: float, expected: float):
    assert percentile(values, share) == expected


def test_windows_of_processes_that_run_together_add_their_rates():
    both = beside([window(100), window(50, elapsed_s=1.25)])
    assert both.requests_per_s == 140
    assert len(both.latencies_s) == 150
    assert both.elapsed_s == 1.25


def test_the_busiest_client_process_is_reported_and_all_are_added():
    both = beside([Window(1, [1.0], {}, 0.9, 0.9, 3, 0.01), Window(1, [1.0], {"429": 2}, 0.4, 0.4, 2, 0.02)])
    assert (both.client_core, both.client_cores) == (0.9, pytest.approx(1.3))
    assert (both.peak_in_flight, both.client_late_s) == (5, 0.02)
    assert both.errors == {"429": 2}


def test_consecutive_windows_have_their_common_rate():
    joined = after_each_other([window(100), window(200, elapsed_s=4.0)])
    assert joined.requests_per_s == pytest.approx(60)
    assert joined.elapsed_s == 5


@pytest.mark.parametrize(
    ("counts", "stable"),
    [
        ((100, 105), False),
        ((100, 105, 110), True),
        ((100, 105, 111), False),
        ((10, 100, 105, 110), True),
        ((100, 105, 110, 10), False),
        ((0, 0, 0), False),
    ],
)
def test_three_rates_within_a_tenth_are_stable(counts: tuple[int, ...], stable: bool):
    assert is_stable([window(count) for count in counts]) is stable


def test_a_stable_level_ends_when_it_has_enough_responses():
    assert not is_finished([window(300)] * 2, TIMING)
    assert is_finished([window(300)] * 3, TIMING)
    assert not is_finished([window(10)] * 3, TIMING)
    assert is_finished([window(10)] * 10, TIMING)


def test_an_unstable_level_ends_at_its_time_limit():
    uneven = [window(100 * (1 + number % 2)) for number in range(10)]
    assert not is_finished(uneven[:9], TIMING)
    assert is_finished(uneven, TIMING)
    assert result_of(uneven)[1] is False


def test_an_error_ends_a_level_at_once():
    assert is_finished([window(300, errors=1)], TIMING)


def test_the_result_of_a_stable_level_is_its_last_windows():
    measured, stable = result_of([window(10), window(100, 0.02), window(100, 0.02), window(100, 0.02)])
    assert stable
    assert len(measured.latencies_s) == 300


def test_the_result_of_an_unstable_level_is_all_of_it():
    measured, stable = result_of([window(10), window(100), window(100)])
    assert not stable
    assert len(measured.latencies_s) == 210


@pytest.mark.parametrize(("rate", "window_s"), [(1000, 1.0), (25, 1.0), (10, 2.5), (1, 10 / 3), (0, 10 / 3)])
def test_windows_of_a_slow_model_are_longer(rate: int, window_s: float):
    """So that three of them fit into the level."""
    assert window_s_for(window(rate), TIMING) == pytest.approx(window_s)
    assert MIN_PER_WINDOW == 25
