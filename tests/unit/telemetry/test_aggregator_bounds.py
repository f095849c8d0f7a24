"""The times and numbers at which the aggregator ends processes and drops versions, and which series it drops."""

from pathlib import Path

import pytest

from modelyard.telemetry.metrics import hub_state
from modelyard.telemetry.metrics.aggregator import MetricsAggregator, ModelTotals
from modelyard.telemetry.metrics.declarations import BATCH_SIZE, CAPACITY, INFO, READY, REQUESTS
from modelyard.telemetry.metrics.snapshot import Histogram, Key, MetricsSnapshot, Push, Totals
from tests.unit.telemetry.pushes import BATCHES, IN_FLIGHT_KEY, OK, READY_KEY, STARTS, Process

HOUR_S = 3600.0


def push(
    source: str,
    number: int = 1,
    *,
    counters: dict[Key, int] | None = None,
    histograms: dict[Key, Histogram] | None = None,
    gauges: dict[Key, float] | None = None,
    acknowledged: bool = False,
    final: bool = False,
    refresh_id: int = 0,
) -> Push:
    snapshot = MetricsSnapshot(Totals(counters or {}, histograms or {}), gauges or {})
    return Push(source, number, acknowledged, final, snapshot, refresh_id)


def test_gauges_are_exposed_for_five_seconds_after_a_push():
    aggregator = MetricsAggregator()
    aggregator.apply(push("a", gauges={IN_FLIGHT_KEY: 2}), now=100.0)
    assert aggregator.gauges(now=105.0) == {IN_FLIGHT_KEY: 2}
    assert aggregator.gauges(now=105.1) == {}


def test_a_process_ends_after_two_minutes_without_a_push():
    aggregator = MetricsAggregator()
    aggregator.apply(push("a"), now=100.0)
    aggregator.apply(push("b"), now=150.0)
    aggregator.expire(now=220.0)
    assert set(aggregator.live) == {"a", "b"}
    aggregator.expire(now=220.1)
    assert (set(aggregator.live), set(aggregator.ended)) == ({"b"}, {"a"})


def test_the_last_thousand_ended_processes_are_stored():
    aggregator = MetricsAggregator()
    for number in range(1001):
        aggregator.apply(push(f"p{number}", final=True), now=0)
    assert list(aggregator.ended) == [f"p{number}" for number in range(1, 1001)]


@pytest.mark.parametrize("key", [OK, BATCHES])
def test_a_version_is_dropped_an_hour_after_its_last_report(key: Key):
    aggregator = MetricsAggregator()
    if key == BATCHES:
        aggregator.apply(push("a", histograms={key: Histogram((1,), 1)}, final=True), now=100.0)
    else:
        aggregator.apply(push("a", counters={key: 1}, final=True), now=100.0)
    aggregator.expire(now=100.0 + HOUR_S)
    assert aggregator.totals() != Totals()
    aggregator.expire(now=100.1 + HOUR_S)
    assert aggregator.totals() == Totals()
    assert aggregator.reported_at == {}


def test_other_versions_and_series_without_a_version_stay():
    aggregator, other = MetricsAggregator(), (REQUESTS.name, "churn", "2", "ok", "predict")
    aggregator.apply(push("a", counters={OK: 1, other: 2, STARTS: 3}, final=True), now=0.0)
    aggregator.apply(push("b", counters={other: 1}), now=HOUR_S)
    aggregator.expire(now=HOUR_S + 1)
    assert aggregator.totals().counters == {other: 3, STARTS: 3}
    aggregator.apply(push("b", 2, counters={other: 1}, final=True), now=2 * HOUR_S)
    aggregator.expire(now=4 * HOUR_S)
    assert aggregator.totals().counters == {STARTS: 3}
    assert aggregator.reported_at == {}


def test_a_gauge_with_more_labels_reports_its_version():
    aggregator, info = MetricsAggregator(), (INFO.name, "churn", "1", "onnx", "sha256:0")
    aggregator.apply(push("a", counters={OK: 1}, final=True), now=0.0)
    aggregator.apply(push("loop", gauges={info: 1, STARTS: 1}), now=HOUR_S)
    assert aggregator.reported_at == {("churn", "1"): HOUR_S}
    aggregator.expire(now=HOUR_S + 1)
    assert aggregator.totals().counters == {OK: 1}


def test_a_process_without_histograms_that_an_earlier_hub_knew_counts_from_its_first_push():
    aggregator = MetricsAggregator()
    aggregator.apply(push("loop", counters={STARTS: 10}, acknowledged=True), now=0)
    aggregator.apply(push("loop", 2, counters={STARTS: 12}, acknowledged=True), now=1)
    assert aggregator.totals().counters == {STARTS: 2}


def test_a_process_without_counters_that_an_earlier_hub_knew_counts_from_its_first_push():
    aggregator = MetricsAggregator()
    aggregator.apply(push("a", histograms={BATCHES: Histogram((10,), 10)}, acknowledged=True), now=0)
    aggregator.apply(push("a", 2, histograms={BATCHES: Histogram((12,), 13)}, acknowledged=True), now=1)
    assert aggregator.totals().histograms == {BATCHES: Histogram((2,), 3)}


def test_a_stalled_process_that_the_hub_knew_counts_from_its_start():
    aggregator, stalled = MetricsAggregator(), Process("a", 3)
    aggregator.apply(stalled.push(), now=0)
    late = stalled.push()
    aggregator.expire(now=121)
    stalled.acknowledged, stalled.requests = True, 7
    aggregator.apply(stalled.push(), now=122)
    assert aggregator.totals().counters == {OK: 7}
    aggregator.apply(late, now=123)
    assert aggregator.totals().counters == {OK: 7}


def test_a_late_push_of_an_ended_process_makes_it_live_with_its_last_counts():
    aggregator, process = MetricsAggregator(), Process("a", 3)
    late = process.push()
    process.requests = 5
    aggregator.apply(process.push(final=True), now=0)
    aggregator.apply(late, now=1)
    assert aggregator.totals().counters == {OK: 5}


def test_a_repeated_push_does_not_make_a_process_live_longer():
    aggregator, process = MetricsAggregator(), Process("a", gauges={READY_KEY: 1})
    sent = process.push()
    aggregator.apply(sent, now=0)
    aggregator.apply(sent, now=4)
    assert aggregator.gauges(now=6) == {}


def test_a_process_that_an_earlier_hub_knew_has_not_refreshed_yet(tmp_path: Path):
    aggregator = MetricsAggregator()
    aggregator.apply(push("a", histograms={BATCHES: Histogram((1,), 1)}, refresh_id=7), now=0)
    hub_state.write(tmp_path / "state", aggregator)
    restored = hub_state.read(tmp_path / "state", now=1)
    assert not restored.is_refreshed(1, ["churn"], now=1)
    assert restored.is_refreshed(1, ["iris"], now=1)


def test_the_totals_of_models_are_theirs_alone():
    aggregator = MetricsAggregator()
    churn, iris = ((REQUESTS.name, name, "1", "ok", "predict") for name in ("churn", "iris"))
    some, others = ((BATCH_SIZE.name, name, "1") for name in ("churn", "iris"))
    histogram = Histogram((1,), 1)
    gauges = {(CAPACITY.name, "churn", "1"): 8.0, (CAPACITY.name, "iris", "1"): 8.0, (READY.name, "churn", "2"): 1.0}
    aggregator.apply(
        push("a", counters={churn: 1, iris: 2}, histograms={some: histogram, others: histogram}, gauges=gauges), now=0
    )
    expected = ModelTotals(Totals({churn: 1}, {some: histogram}), frozenset({("churn", "1")}))
    assert aggregator.model_totals(["churn"], now=5) == expected
    assert aggregator.model_totals(["churn"], now=6).running == frozenset()


def test_a_refresh_waits_for_each_live_process_of_the_models():
    aggregator = MetricsAggregator()
    aggregator.apply(push("a", histograms={BATCHES: Histogram((1,), 1)}, refresh_id=2), now=0)
    aggregator.apply(push("loop", gauges={READY_KEY: 1}, refresh_id=0), now=0)
    refreshed = {refresh_id: aggregator.is_refreshed(refresh_id, ["churn"], now=0) for refresh_id in (1, 2, 3)}
    assert refreshed == {1: True, 2: True, 3: False}
    aggregator.apply(Process("b").push(), now=0)
    assert not aggregator.is_refreshed(1, ["churn"], now=0), "it has seen no request"
    assert aggregator.is_refreshed(3, ["churn"], now=6), "a process that is dead or hangs is not waited for"


def test_a_restarted_hub_continues_with_running_and_ended_processes(tmp_path: Path):
    aggregator, running, ended, known = MetricsAggregator(), Process("a", 3), Process("b", 4), Process("c", 5)
    aggregator.apply(running.push(), now=0)
    aggregator.apply(ended.push(final=True), now=0)
    (tmp_path / "state.partial").write_text("half, of a hub that was killed")
    hub_state.write(tmp_path / "state", aggregator)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    restored = hub_state.read(tmp_path / "state", now=1000)
    assert restored.restored
    assert (restored.totals(), list(restored.live), list(restored.ended)) == (aggregator.totals(), ["a"], ["b"])
    ended.requests, known.acknowledged = 6, True
    restored.apply(ended.push(), now=1000)
    restored.apply(known.push(), now=1000)
    assert restored.totals().counters == {OK: 3 + 6 + 5}, "each counts once, and from its start"
    restored.expire(now=1120)
    assert "a" in restored.live, "its time begins with the hub's"


def test_an_update_changes_its_series_alone_and_removes_gauges():
    aggregator, process = (
        MetricsAggregator(),
        Process("a", 3, gauges={IN_FLIGHT_KEY: 1, READY_KEY: 1}, has_idle_part=True),
    )
    aggregator.apply(process.push(), now=0)
    process.stored()
    process.requests, process.gauges = 5, {READY_KEY: 2}
    update = process.update()
    assert STARTS not in update.snapshot.totals.counters, "unchanged"
    assert aggregator.apply(update, now=1)
    assert aggregator.totals().counters == {OK: 5, STARTS: 1}
    assert aggregator.gauges(now=1) == {READY_KEY: 2}


def test_an_update_of_a_push_that_is_not_here_is_refused():
    aggregator, process = MetricsAggregator(), Process("a", 3)
    lost = process.push()
    process.stored()
    assert not aggregator.apply(process.update(), now=0), "the process is unknown"
    assert aggregator.totals() == Totals()
    aggregator.apply(lost, now=0)
    process.requests = 5
    process.push()
    process.stored()
    assert not aggregator.apply(process.update(), now=0), "a push is missing"
    assert aggregator.totals().counters == {OK: 3}


@pytest.mark.parametrize("event", ["the hub has restarted", "the process counted as ended"])
def test_an_update_is_refused_if_the_gauges_of_its_base_are_lost(tmp_path: Path, event: str):
    aggregator, process = MetricsAggregator(), Process("a", 3, gauges={READY_KEY: 1})
    aggregator.apply(process.push(), now=0)
    process.stored()
    if event == "the hub has restarted":
        hub_state.write(tmp_path / "state", aggregator)
        aggregator = hub_state.read(tmp_path / "state", now=200)
    else:
        aggregator.expire(now=200)
    assert not aggregator.apply(process.update(), now=200)
    assert aggregator.apply(process.push(), now=200)
    assert aggregator.gauges(now=200) == {READY_KEY: 1}
    process.stored()
    assert aggregator.apply(process.update(), now=201)


def test_a_version_stays_while_a_process_has_it_though_its_counts_do_not_change():
    aggregator, process = MetricsAggregator(), Process("a", 3)
    aggregator.apply(Process("ended", 4).push(final=True), now=0)
    aggregator.apply(process.push(), now=0)
    for now in range(100, int(HOUR_S) + 300, 100):
        process.stored()
        aggregator.apply(process.update(), now=now)
        aggregator.expire(now=now)
    assert aggregator.totals().counters == {OK: 7}
