"""When totals are sampled, for how long samples count, and what is reported of them."""

import pytest

from modelyard.telemetry.metrics.declarations import REQUEST_DURATION, REQUESTS
from modelyard.telemetry.metrics.snapshot import Histogram, Totals
from modelyard.telemetry.metrics.traffic import RecentTraffic, Traffic, quantile


def totals(**models: dict[str, int]) -> Totals:
    """Requests by model and code; the accepted ones were quick."""
    made = Totals()
    for model, codes in models.items():
        for code, count in codes.items():
            made.counters[(REQUESTS.name, model, "1", code, "predict")] = count
        counts = [codes.get("ok", 0), *([0] * len(REQUEST_DURATION.buckets))]
        made.histograms[(REQUEST_DURATION.name, model, "1")] = Histogram(tuple(counts), 0)
    return made


def test_a_sample_is_due_at_once_and_then_every_five_seconds():
    recent = RecentTraffic()
    assert recent.is_due(0.0)
    recent.add_sample(Totals(), 0.0)
    assert [recent.is_due(now) for now in (0.0, 4.9, 5.0, 6.0)] == [False, False, True, True]
    recent.add_sample(Totals(), 5.0)
    assert [recent.is_due(now) for now in (5.0, 9.9, 10.0)] == [False, False, True]


@pytest.mark.parametrize(("age_s", "rate"), [(59.0, 10 / 59), (60.0, 10 / 60), (60.1, 0.0)])
def test_a_sample_counts_for_a_minute(age_s: float, rate: float):
    recent = RecentTraffic()
    recent.add_sample(totals(churn={"ok": 0}), 100.0)
    recent.add_sample(totals(churn={"ok": 10}), 100.0 + age_s)
    assert recent.traffic(totals(churn={"ok": 10}), 100.0 + age_s)["churn"].requests_per_s == pytest.approx(rate)


def test_requests_of_a_moment_are_a_rate_over_a_millisecond_at_least():
    recent = RecentTraffic()
    assert recent.traffic(totals(churn={"ok": 2}), 7.0)["churn"].requests_per_s == pytest.approx(2000)


def test_a_code_that_no_sample_has_counts_from_zero():
    recent = RecentTraffic()
    recent.add_sample(totals(churn={"ok": 3}), 0.0)
    traffic = recent.traffic(totals(churn={"ok": 5, "timeout": 4}, iris={"ok": 1}), 10.0)
    assert traffic["churn"].codes == {"ok": 2, "timeout": 4}
    assert traffic["iris"].codes == {"ok": 1}
    assert traffic["iris"].p99_s == pytest.approx(0.99 * REQUEST_DURATION.buckets[0])


def test_traffic_as_json_has_the_failures_too():
    traffic = Traffic(1.5, None, {"ok": 1, "invalid": 2, "timeout": 3, "overloaded": 4})
    assert traffic.as_json() == {
        "requests_per_s": 1.5,
        "p99_s": None,
        "codes": {"ok": 1, "invalid": 2, "timeout": 3, "overloaded": 4},
        "queued": 0,
        "failed": 7,
    }


@pytest.mark.parametrize("counts", [[0, 0, 4, 0], [0, 0, 0, 4]])
def test_a_quantile_is_found_where_only_the_last_buckets_have_observations(counts: list[int]):
    assert quantile(0.5, (1.0, 2.0, 4.0), counts) == {4: 3.0}.get(counts[2], 4.0)
