"""The reports of processes that may be alive."""

from modelyard.telemetry.metrics.recent_reports import MAX_AGE_S, RecentReports


def test_the_last_report_of_each_process_counts_until_it_ends_or_is_silent_for_too_long():
    now = 0.0
    reports: RecentReports[str] = RecentReports(lambda: now)
    reports.add("a", "first")
    reports.add("b", "only")
    now = MAX_AGE_S
    reports.add("a", "second")
    assert reports.current() == {"a": "second", "b": "only"}
    now += 0.1
    assert reports.current() == {"a": "second"}
    reports.remove("a")
    reports.remove("b")
    assert reports.current() == {}
