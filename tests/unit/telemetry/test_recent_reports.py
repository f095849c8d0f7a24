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


def test_reports_that_have_not_changed_are_read_once():
    now = 0.0
    reports: RecentReports[list[str]] = RecentReports(lambda: now, first_version=7)
    assert reports.since(7) == (7, None)
    reports.add("a", ["first"])
    version, found = reports.since(7)
    assert (version, found) == (8, {"a": ["first"]})
    assert found is not None
    first = found["a"]
    now = MAX_AGE_S
    reports.add("a", ["first"])
    assert reports.since(version) == (version, None)
    assert reports.current()["a"] is first
    assert reports.since(0) == (version, {"a": ["first"]}), "a reader that knows another version reads all"
    now += MAX_AGE_S + 0.1
    assert reports.since(version) == (9, {}), "a process that is silent for too long has no report"


def test_a_report_that_is_renewed_does_not_become_too_old():
    now = 0.0
    reports: RecentReports[str] = RecentReports(lambda: now)
    assert not reports.renew("a"), "there is none"
    reports.add("a", "first")
    now = MAX_AGE_S - 1
    assert reports.renew("a")
    now = 2 * MAX_AGE_S - 2
    assert reports.renew("a")
    assert reports.current() == {"a": "first"}
    now = 3 * MAX_AGE_S
    assert not reports.renew("a"), "it was too old"
    assert reports.current() == {}
