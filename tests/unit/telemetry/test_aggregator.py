"""The totals stay correct whatever happens to pushes, processes and the hub."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelyard.telemetry.metrics import hub_state
from modelyard.telemetry.metrics.aggregator import (
    END_AFTER_S,
    LIVE_S,
    MAX_ENDED_SOURCES,
    VERSION_TTL_S,
    MetricsAggregator,
)
from modelyard.telemetry.metrics.snapshot import Exemplar, Key, MetricsSnapshot, Push, Totals
from tests.unit.telemetry.pushes import BATCHES, IN_FLIGHT_KEY, OK, READY_KEY, STARTS, Process, totals_of


def total_requests(aggregator: MetricsAggregator) -> int:
    """The counter of requests. The histogram must agree with it."""
    totals = aggregator.totals()
    count = totals.counters.get(OK, 0)
    if BATCHES in totals.histograms:
        assert totals.histograms[BATCHES] == totals_of(count).histograms[BATCHES]
    return count


def test_a_total_is_the_sum_of_all_processes_dead_or_alive():
    aggregator = MetricsAggregator()
    for name, requests in (("a", 3), ("b", 4), ("c", 5)):
        aggregator.apply(Process(name, requests).push(final=name == "b"), now=0)
    aggregator.expire(now=END_AFTER_S + 1)
    assert aggregator.live == {}
    assert total_requests(aggregator) == 12


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 1, 2), (2, 2, 2)])
def test_late_and_repeated_pushes_change_nothing(order: tuple[int, ...]):
    process, sent = Process("a"), []
    for requests in (1, 5, 9):
        process.requests = requests
        sent.append(process.push())
    aggregator, seen = MetricsAggregator(), []
    for index in order:
        aggregator.apply(sent[index], now=0)
        seen.append(total_requests(aggregator))
    assert seen == sorted(seen)
    assert seen[-1] == 9


def test_a_stalled_process_that_counted_as_ended_and_pushes_again_is_counted_once():
    aggregator, stalled = MetricsAggregator(), Process("a", 3)
    aggregator.apply(stalled.push(), now=0)
    aggregator.expire(now=END_AFTER_S + 1)
    stalled.requests = 7
    aggregator.apply(stalled.push(), now=END_AFTER_S + 2)
    assert total_requests(aggregator) == 7
    aggregator.expire(now=3 * END_AFTER_S)
    assert total_requests(aggregator) == 7


def test_only_the_last_ended_processes_are_stored_one_by_one_and_all_stay_in_the_totals():
    aggregator = MetricsAggregator()
    for number in range(MAX_ENDED_SOURCES + 50):
        aggregator.apply(Process(f"p{number}", 2).push(final=True), now=0)
    assert len(aggregator.ended) == MAX_ENDED_SOURCES
    assert total_requests(aggregator) == 2 * (MAX_ENDED_SOURCES + 50)


def test_gauges_are_merged_over_the_processes_that_pushed_recently():
    aggregator = MetricsAggregator()
    aggregator.apply(Process("a", gauges={IN_FLIGHT_KEY: 2, READY_KEY: 1}).push(), now=0)
    aggregator.apply(Process("b", gauges={IN_FLIGHT_KEY: 3, READY_KEY: 1}).push(), now=1)
    assert aggregator.gauges(now=1) == {IN_FLIGHT_KEY: 5, READY_KEY: 1}, (
        "replicas' gauges are summed, the control loop's are not"
    )
    assert aggregator.gauges(now=LIVE_S + 0.5) == {IN_FLIGHT_KEY: 3, READY_KEY: 1}
    assert aggregator.replicas(now=LIVE_S + 0.5) == 1
    assert aggregator.gauges(now=LIVE_S + 2) == {}


def test_the_gauges_of_a_process_end_with_its_last_push():
    aggregator, process = MetricsAggregator(), Process("a", gauges={IN_FLIGHT_KEY: 2})
    aggregator.apply(process.push(), now=0)
    aggregator.apply(process.push(final=True), now=0)
    assert aggregator.gauges(now=0) == {}


def test_a_hub_that_lost_its_state_counts_from_zero():
    """The old counts would be counted as traffic: after a reset Prometheus adds a counter's whole value."""
    aggregator, old, new = MetricsAggregator(), Process("old", 100, acknowledged=True), Process("new", 1)
    aggregator.apply(old.push(), now=0)
    aggregator.apply(new.push(), now=0)
    assert total_requests(aggregator) == 1
    old.requests = 105
    aggregator.apply(old.push(final=True), now=1)
    assert total_requests(aggregator) == 6


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"kept": {}}', '{"kept": 1, "live": {}, "ended": []}'])
def test_an_invalid_state_file_gives_an_empty_state(tmp_path: Path, text: str | None):
    path = tmp_path / "state"
    if text is not None:
        path.write_text(text)
    aggregator = hub_state.read(path, now=0)
    assert not aggregator.restored
    assert total_requests(aggregator) == 0


def test_only_its_owner_can_read_the_state_file(tmp_path: Path):
    hub_state.write(tmp_path / "state", MetricsAggregator())
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600


class Hubs(RuleBasedStateMachine):
    """Processes serve, push, stall and die; pushes are lost, late and repeated; hubs die and restart.

    The total is what has arrived, and never decreases. In the end it lacks only what dead processes had not pushed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "state"
        self.now = 0.0
        self.aggregator = MetricsAggregator()
        hub_state.write(self.path, self.aggregator)
        self.processes: list[Process] = []
        self.dead = 0
        self.arrived: dict[str, int] = {}
        """Requests of each process at its last push that arrived."""
        self.saved: dict[str, int] = {}
        """The same when the hub last wrote its state."""
        self.sent: list[Push] = []
        self.last_total = 0
        self.start_process()

    @rule()
    def start_process(self) -> None:
        self.processes.append(Process(f"p{len(self.processes) + self.dead}", has_idle_part=True))

    @rule(which=st.integers(0, 20), requests=st.integers(1, 5))
    def serve(self, which: int, requests: int) -> None:
        if self.processes:
            self.processes[which % len(self.processes)].requests += requests

    @rule(which=st.integers(0, 20), gauges=st.dictionaries(st.sampled_from([IN_FLIGHT_KEY, READY_KEY]), st.just(1.0)))
    def change_gauges(self, which: int, gauges: dict[Key, float]) -> None:
        if self.processes:
            self.processes[which % len(self.processes)].gauges = gauges

    @rule(which=st.integers(0, 20), lost=st.booleans(), final=st.sampled_from([False] * 5 + [True]))
    def push(self, which: int, lost: bool, final: bool) -> None:
        if not self.processes:
            return
        process = self.processes[which % len(self.processes)]
        sent = process.update(final=final)
        self.sent.append(sent)
        if lost:
            process.pushed = None
        elif self.aggregator.apply(sent, self.now):
            self.store(process)
        else:
            self.sent.append(process.push(final=final))
            assert self.aggregator.apply(self.sent[-1], self.now)
            self.store(process)
        if final:
            self.remove(process)

    def store(self, process: Process) -> None:
        process.stored()
        self.arrived[process.name] = process.requests
        if process.name in self.aggregator.live:
            assert self.aggregator.live[process.name].gauges == process.gauges

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 100))
    def repeat_an_old_push(self, which: int) -> None:
        sent = self.sent[which % len(self.sent)]
        if self.aggregator.apply(sent, self.now):
            name, requests = sent.source, sent.snapshot.totals.counters.get(OK, 0)
            self.arrived[name] = max(self.arrived.get(name, 0), requests)

    @rule(which=st.integers(0, 20))
    def die(self, which: int) -> None:
        if self.processes:
            self.remove(self.processes[which % len(self.processes)])

    def remove(self, process: Process) -> None:
        self.processes.remove(process)
        self.dead += 1

    @rule(seconds=st.sampled_from([1.0, LIVE_S, END_AFTER_S + 1]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.aggregator.expire(self.now)

    @rule()
    def scrape(self) -> None:
        hub_state.write(self.path, self.aggregator)
        self.saved = dict(self.arrived)
        count = total_requests(self.aggregator)
        assert count >= self.last_total, "a counter decreased"
        assert count == sum(self.arrived.values())
        assert self.aggregator.totals().counters.get(STARTS, 0) == len(self.arrived)
        self.last_total = count

    @rule()
    def kill_the_hub(self) -> None:
        self.aggregator = hub_state.read(self.path, self.now)
        self.arrived = dict(self.saved)

    @invariant()
    def totals_never_decrease(self) -> None:
        assert total_requests(self.aggregator) >= self.last_total

    def teardown(self) -> None:
        for process in self.processes:
            self.aggregator.apply(process.push(), self.now)
            self.arrived[process.name] = process.requests
        assert total_requests(self.aggregator) == sum(self.arrived.values())
        self.folder.cleanup()


TestHubs = Hubs.TestCase
TestHubs.settings = settings(max_examples=100, stateful_step_count=30)


def test_the_latest_exemplar_of_each_bucket_over_all_live_processes_is_exposed():
    aggregator, key = MetricsAggregator(), BATCHES
    one, other = Process("one"), Process("other")
    early, late, alone = Exemplar(1.0, 0.2, "early"), Exemplar(2.0, 0.1, "late"), Exemplar(1.5, 9.0, "alone")
    one.exemplars, other.exemplars = {key: {3: late}}, {key: {3: early, 7: alone}}
    aggregator.apply(one.push(), now=0.0)
    aggregator.apply(other.push(), now=0.0)
    assert aggregator.exemplars(1.0) == {key: {3: late, 7: alone}}
    aggregator.apply(other.push(final=True), now=1.0)
    assert aggregator.exemplars(1.0) == {key: {3: late}}
    assert aggregator.exemplars(LIVE_S + 1.0) == {}


def test_a_version_is_dropped_an_hour_after_its_last_report_and_starts_at_zero_again():
    aggregator, old, other = MetricsAggregator(), Process("old", 3), Process("other", gauges={READY_KEY: 1})
    aggregator.apply(old.push(final=True), now=0)
    aggregator.expire(now=VERSION_TTL_S)
    assert total_requests(aggregator) == 3, "an update loses no counts"
    aggregator.expire(now=VERSION_TTL_S + 1)
    assert aggregator.totals() == Totals()
    assert (aggregator.ended_totals, aggregator.reported_at) == (Totals(), {})
    other.requests = 2
    aggregator.apply(other.push(), now=VERSION_TTL_S + 2)
    assert total_requests(aggregator) == 2


@pytest.mark.parametrize("gauge", [READY_KEY, IN_FLIGHT_KEY])
def test_a_version_that_is_scaled_to_zero_stays_while_any_process_reports_it(gauge: Key):
    aggregator = MetricsAggregator()
    aggregator.apply(Process("replica", 3).push(final=True), now=0)
    loop = Push("loop", 1, acknowledged=False, final=False, snapshot=MetricsSnapshot(Totals(), {gauge: 1}))
    aggregator.apply(loop, now=VERSION_TTL_S)
    aggregator.expire(now=2 * VERSION_TTL_S)
    assert total_requests(aggregator) == 3


def test_a_stalled_process_that_pushes_after_its_version_was_dropped_is_counted_once():
    aggregator, stalled = MetricsAggregator(), Process("stalled", 3)
    aggregator.apply(stalled.push(), now=0)
    for now in (END_AFTER_S + 1, VERSION_TTL_S + 1):
        aggregator.expire(now)
    assert total_requests(aggregator) == 0
    stalled.requests = 5
    aggregator.apply(stalled.push(), now=VERSION_TTL_S + 2)
    assert total_requests(aggregator) == 5


def test_a_restarted_hub_drops_versions_after_an_hour():
    aggregator = MetricsAggregator()
    aggregator.apply(Process("old", 3).push(final=True), now=0)
    with TemporaryDirectory() as folder:
        hub_state.write(Path(folder) / "state", aggregator)
        aggregator = hub_state.read(Path(folder) / "state", now=50)
    aggregator.expire(now=100)
    aggregator.expire(now=VERSION_TTL_S + 99)
    assert total_requests(aggregator) == 3
    aggregator.expire(now=VERSION_TTL_S + 101)
    assert total_requests(aggregator) == 0
