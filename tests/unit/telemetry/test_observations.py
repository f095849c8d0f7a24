"""Histograms that grow while they are read."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from modelyard.telemetry.metrics.counters import Observations, VersionCounts
from modelyard.telemetry.metrics.declarations import BATCH_SIZE, REQUEST_DURATION
from modelyard.telemetry.metrics.snapshot import Exemplar

DURATIONS = st.floats(0, 100, allow_nan=False)


def test_a_value_that_equals_a_bound_is_in_its_bucket():
    seen = Observations(BATCH_SIZE)
    for value in (0.5, 1.0, 1.5, 2.0, 4096.0, 5000.0):
        seen.observe(value)
    histogram = seen.histogram()
    assert histogram.counts[:3] == (2, 2, 0)
    assert histogram.counts[-2:] == (1, 1)
    assert histogram.nanos == 9101_000_000_000


@given(st.lists(st.lists(DURATIONS, max_size=5), max_size=5))
def test_looking_in_between_changes_nothing(parts: list[list[float]]):
    looked_at, alone = Observations(REQUEST_DURATION), Observations(REQUEST_DURATION)
    for part in parts:
        for value in part:
            looked_at.observe(value)
            alone.observe(value)
        looked_at.histogram()
    seen, unseen = looked_at.histogram(), alone.histogram()
    assert seen.counts == unseen.counts
    assert abs(seen.nanos - unseen.nanos) <= len(parts) + 1


def test_nothing_is_lost_or_counted_twice_while_one_thread_observes_and_others_read():
    seen = Observations(REQUEST_DURATION)
    observing = threading.Thread(target=lambda: [seen.observe(0.001) for _ in range(50_000)])

    def read() -> None:
        while observing.is_alive():
            seen.histogram()

    reading = [threading.Thread(target=read) for _ in range(2)]
    for thread in (observing, *reading):
        thread.start()
    for thread in (observing, *reading):
        thread.join()
    assert sum(seen.histogram().counts) == 50_000


def test_the_last_trace_in_each_bucket_is_kept():
    counts = VersionCounts("churn", "1", (), 0.0)
    exemplars = {}
    counts.add_exemplars(exemplars)
    assert exemplars == {}
    quick, slow, slower, never = (Exemplar(at, value, f"{at}") for at, value in enumerate((0.0005, 0.03, 0.05, 99.0)))
    for exemplar in (quick, slow, slower, never):
        counts.request.mark(exemplar)
    counts.add_exemplars(exemplars)
    bucket = REQUEST_DURATION.buckets.index(0.05)
    told = {0: quick, bucket: slower, len(REQUEST_DURATION.buckets): never}
    assert exemplars == {(REQUEST_DURATION.name, "churn", "1"): told}
