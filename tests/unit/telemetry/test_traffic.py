"""Traffic of the last minute from cumulative totals."""

import pytest

from modelyard.telemetry.metrics.declarations import QUEUE_DEPTH, REQUEST_DURATION, REQUESTS
from modelyard.telemetry.metrics.snapshot import Histogram, Totals
from modelyard.telemetry.metrics.traffic import WINDOW_S, RecentTraffic, quantile


def totals(*, ok: int = 0, invalid: int = 0, timeout: int = 0, bucket: int = 2) -> Totals:
    """Two versions of `churn` with the same counts. All durations are in one bucket."""
    made = Totals()
    for version in ("1", "2"):
        for code, count in (("ok", ok), ("invalid", invalid), ("timeout", timeout)):
            made.counters[(REQUESTS.name, "churn", version, code, "predict")] = count
        counts = [0] * (len(REQUEST_DURATION.buckets) + 1)
        counts[bucket] = ok + timeout
        made.histograms[(REQUEST_DURATION.name, "churn", version)] = Histogram(tuple(counts), 0)
    return made


def test_rates_are_measured_since_the_oldest_sample():
    recent = RecentTraffic()
    recent.add_sample(totals(ok=100), now=0)
    churn = recent.traffic(totals(ok=150, invalid=5, timeout=10), now=10)["churn"]
    assert churn.requests_per_s == pytest.approx(2 * (50 + 5 + 10) / 10)
    assert churn.failed == 20, "invalid requests are not failures of the server"
    assert churn.p99_s == pytest.approx(0.0025, rel=0.01)


def test_samples_older_than_the_window_are_dropped():
    recent = RecentTraffic()
    recent.add_sample(totals(ok=100), now=0)
    recent.add_sample(totals(ok=500), now=WINDOW_S + 1)
    assert recent.traffic(totals(ok=500), now=WINDOW_S + 2)["churn"].requests_per_s == 0


def test_queued_requests_are_summed_over_all_versions():
    gauges = {
        (QUEUE_DEPTH.name, "churn", "1"): 3.0,
        (QUEUE_DEPTH.name, "churn", "2"): 1.0,
        ("other", "churn", "1"): 9.0,
    }
    recent = RecentTraffic()
    assert recent.traffic(totals(ok=1), now=1, gauges=gauges)["churn"].queued == 4
    assert recent.traffic(totals(ok=1), now=1)["churn"].queued == 0


def test_a_model_without_traffic_has_no_percentile():
    recent = RecentTraffic()
    recent.add_sample(totals(ok=100), now=0)
    assert recent.traffic(totals(ok=100), now=5)["churn"].p99_s is None


@pytest.mark.parametrize(
    ("counts", "part", "value"),
    [
        ([0, 0, 0], 0.5, None),
        ([10, 0, 0], 0.5, 0.5),
        ([10, 10, 0], 0.75, 1.5),
        ([0, 10, 0], 1.0, 2.0),
        ([0, 0, 4], 0.5, 2.0),  # as in Prometheus: values above the last bound count as the bound
    ],
)
def test_a_quantile_is_interpolated_as_in_prometheus(counts: list[int], part: float, value: float | None):
    assert quantile(part, (1.0, 2.0), counts) == (None if value is None else pytest.approx(value))
