"""Histograms that are read while values are observed."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from modelyard.telemetry.metrics.counters import MANY, Observations, VersionCounters
from modelyard.telemetry.metrics.declarations import BATCH_SIZE, REQUEST_DURATION
from modelyard.telemetry.metrics.snapshot import Exemplar

DURATIONS = st.floats(0, 100, allow_nan=False)


def test_a_value_that_equals_a_bound_is_in_its_bucket():
    observations = Observations(BATCH_SIZE)
    for value in (0.5, 1.0, 1.5, 2.0, 4096.0, 5000.0):
        observations.observe(value)
    histogram = observations.histogram()
    assert histogram.counts[:3] == (2, 2, 0)
    assert histogram.counts[-2:] == (1, 1)
    assert histogram.nanos == 9101_000_000_000


@given(st.lists(st.lists(DURATIONS, max_size=5), max_size=5))
def test_reading_in_between_changes_nothing(parts: list[list[float]]):
    read_often, read_once = Observations(REQUEST_DURATION), Observations(REQUEST_DURATION)
    for part in parts:
        for value in part:
            read_often.observe(value)
            read_once.observe(value)
        read_often.histogram()
    often, once = read_often.histogram(), read_once.histogram()
    assert often.counts == once.counts
    assert abs(often.nanos - once.nanos) <= len(parts) + 1


BOUNDS = st.sampled_from(REQUEST_DURATION.buckets)


@given(st.lists(DURATIONS | BOUNDS, min_size=MANY, max_size=3 * MANY))
def test_many_values_at_once_are_sorted_as_one_by_one(values: list[float]):
    at_once, one_by_one = Observations(REQUEST_DURATION), Observations(REQUEST_DURATION)
    for value in values:
        at_once.observe(value)
        one_by_one.observe(value)
        one_by_one.histogram()
    assert at_once.histogram().counts == one_by_one.histogram().counts


def test_nothing_is_lost_or_counted_twice_while_one_thread_observes_and_others_read():
    observations = Observations(REQUEST_DURATION)
    observing = threading.Thread(target=lambda: [observations.observe(0.001) for _ in range(50_000)])

    def read() -> None:
        while observing.is_alive():
            observations.histogram()

    reading = [threading.Thread(target=read) for _ in range(2)]
    for thread in (observing, *reading):
        thread.start()
    for thread in (observing, *reading):
        thread.join()
    assert sum(observations.histogram().counts) == 50_000


def test_each_bucket_has_its_latest_exemplar():
    counts = VersionCounters("churn", "1", (), 0.0)
    exemplars = {}
    counts.add_exemplars(exemplars)
    assert exemplars == {}
    quick, slow, slower, never = (Exemplar(at, value, f"{at}") for at, value in enumerate((0.0005, 0.03, 0.05, 99.0)))
    for exemplar in (quick, slow, slower, never):
        counts.request.set_exemplar(exemplar)
    counts.add_exemplars(exemplars)
    bucket = REQUEST_DURATION.buckets.index(0.05)
    expected = {0: quick, bucket: slower, len(REQUEST_DURATION.buckets): never}
    assert exemplars == {(REQUEST_DURATION.name, "churn", "1"): expected}
