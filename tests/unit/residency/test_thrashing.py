"""When a pool's models are said to thrash, in simulated time."""

import random
from itertools import cycle, islice

import pytest

from modelyard.residency.thrashing import RELOAD_WITHIN_S, WINDOW_S, Thrashing
from tests.unit.residency.pool import Clock, Pool

NAMES = [f"m{number}" for number in range(100)]


def pool(fit: int, load_s: float = 0.5) -> Pool:
    return Pool(fit, dict.fromkeys(NAMES, (1, load_s)))


def zipf(count: int, power: float) -> list[str]:
    return random.Random(1).choices(NAMES, [1 / (rank + 1) ** power for rank in range(len(NAMES))], k=count)


def test_a_first_pass_over_all_models_is_not_thrashing() -> None:
    made = pool(fit=10, load_s=5.0)
    made.run(NAMES, 0.01)
    assert (made.loads, made.rejected) == (100, 0)


def test_a_working_set_that_fits_does_not_thrash() -> None:
    made = pool(fit=100)
    made.run(islice(cycle(NAMES), 5000), 0.01)
    assert (made.loads, made.rejected) == (100, 0)


@pytest.mark.parametrize("load_s", [0.05, 0.5, 5.0])
def test_a_cycle_over_more_models_than_fit_thrashes(load_s: float) -> None:
    made = pool(fit=50, load_s=load_s)
    made.run(islice(cycle(NAMES), 6_000), 0.01)
    assert made.thrashed_at
    assert made.loading_s < 0.6 * made.clock.now + 100 * load_s


def test_zipf_traffic_whose_head_fits_does_not_thrash() -> None:
    made = pool(fit=70, load_s=0.1)
    made.run(zipf(6_000, 1.2), 0.05)
    assert made.rejected == 0
    assert made.loads > 150


def test_flat_traffic_over_more_models_than_fit_thrashes_and_resident_ones_are_answered() -> None:
    made = pool(fit=30)
    made.run(zipf(6_000, 0.2), 0.05)
    assert made.rejected
    assert sum(entry.requests for entry in made.entries.values()) > 1500


def test_thrashing_ends_by_itself_when_the_traffic_fits_again() -> None:
    made = pool(fit=50)
    made.run(islice(cycle(NAMES), 1000), 0.01)
    assert made.rejected
    made.run(islice(cycle(NAMES[:40]), 6_000), 0.01)
    ended = made.clock.now
    made.run(islice(cycle(NAMES[:40]), 1000), 0.01)
    assert {*NAMES[:40]} <= made.resident
    assert made.thrashed_at[-1] < ended - WINDOW_S


def test_it_begins_above_half_of_the_window_and_ends_at_a_quarter_when_announced() -> None:
    clock = Clock()
    thrashing = Thrashing(clock)
    for number in range(16):
        thrashing.evicted("a")
        thrashing.load_begins("a")
        assert not thrashing.is_on()
        clock.now += 1.0
        thrashing.load_ends("a")
        assert thrashing.share() == pytest.approx((number + 1) / WINDOW_S)
    assert thrashing.is_on()
    wait_s = thrashing.ends_in_s()
    clock.now += wait_s - 0.01
    assert thrashing.is_on()
    clock.now += 0.02
    assert not thrashing.is_on()
    assert thrashing.ends_in_s() == 0.0
    assert wait_s == pytest.approx(WINDOW_S - 7.5)


def test_a_reload_counts_while_it_runs_and_parallel_reloads_count_once() -> None:
    clock = Clock()
    thrashing = Thrashing(clock)
    thrashing.evicted("a", "b")
    thrashing.load_begins("a")
    clock.now += 3
    thrashing.load_begins("b")
    clock.now += 3
    assert thrashing.share() == pytest.approx(6 / WINDOW_S)
    thrashing.load_ends("a")
    thrashing.load_ends("b")
    assert thrashing.share() == pytest.approx(6 / WINDOW_S)


def test_a_model_that_was_evicted_long_ago_is_not_reloaded_but_loaded() -> None:
    clock = Clock()
    thrashing = Thrashing(clock)
    thrashing.evicted("a")
    clock.now += RELOAD_WITHIN_S + 1
    thrashing.load_begins("a")
    clock.now += WINDOW_S
    thrashing.load_ends("a")
    assert not thrashing.is_on()
