"""The hub's arithmetic: what it shows, whatever happens to pushes, processes and the hub itself."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelyard.telemetry.metrics import hub_state
from modelyard.telemetry.metrics.aggregate import ENDED_S, FORGET_S, LIVE_S, REMEMBERED, MetricsAggregator
from modelyard.telemetry.metrics.snapshot import Exemplar, Key, Push, Snapshot, Totals
from tests.unit.telemetry.pushes import BATCHES, FLYING, IS_READY, OK, Process, totals_of


def shown(book: MetricsAggregator) -> int:
    """The counter as it is shown; the histogram must agree with it."""
    totals = book.totals()
    count = totals.counters.get(OK, 0)
    if BATCHES in totals.histograms:
        assert totals.histograms[BATCHES] == totals_of(count).histograms[BATCHES]
    return count


def test_a_total_is_the_sum_of_all_processes_dead_or_alive():
    book = MetricsAggregator()
    for name, requests in (("a", 3), ("b", 4), ("c", 5)):
        book.take(Process(name, requests).push(final=name == "b"), now=0)
    book.tidy(now=ENDED_S + 1)
    assert book.live == {}
    assert shown(book) == 12


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 1, 2), (2, 2, 2)])
def test_pushes_that_come_late_or_twice_change_nothing(order: tuple[int, ...]):
    process, sent = Process("a"), []
    for requests in (1, 5, 9):
        process.requests = requests
        sent.append(process.push())
    book, seen = MetricsAggregator(), []
    for index in order:
        book.take(sent[index], now=0)
        seen.append(shown(book))
    assert seen == sorted(seen)
    assert seen[-1] == 9


def test_a_process_that_was_taken_for_ended_and_was_not_is_counted_once():
    book, stalled = MetricsAggregator(), Process("a", 3)
    book.take(stalled.push(), now=0)
    book.tidy(now=ENDED_S + 1)
    stalled.requests = 7
    book.take(stalled.push(), now=ENDED_S + 2)
    assert shown(book) == 7
    book.tidy(now=3 * ENDED_S)
    assert shown(book) == 7


def test_the_dead_are_forgotten_one_by_one_and_counted_for_ever():
    book = MetricsAggregator()
    for number in range(REMEMBERED + 50):
        book.take(Process(f"p{number}", 2).push(final=True), now=0)
    assert len(book.ended) == REMEMBERED
    assert shown(book) == 2 * (REMEMBERED + 50)


def test_gauges_are_those_of_processes_that_were_heard_of_lately():
    book = MetricsAggregator()
    book.take(Process("a", gauges={FLYING: 2, IS_READY: 1}).push(), now=0)
    book.take(Process("b", gauges={FLYING: 3, IS_READY: 1}).push(), now=1)
    assert book.gauges(now=1) == {FLYING: 5, IS_READY: 1}, "what replicas hold adds up, what is told twice does not"
    assert book.gauges(now=LIVE_S + 0.5) == {FLYING: 3, IS_READY: 1}
    assert book.replicas(now=LIVE_S + 0.5) == 1
    assert book.gauges(now=LIVE_S + 2) == {}


def test_the_gauges_of_a_process_end_with_its_last_push():
    book, process = MetricsAggregator(), Process("a", gauges={FLYING: 2})
    book.take(process.push(), now=0)
    book.take(process.push(final=True), now=0)
    assert book.gauges(now=0) == {}


def test_a_hub_that_lost_its_book_counts_on_from_zero():
    """All at once would look like traffic: Prometheus adds what a counter has after it went back."""
    book, old, new = MetricsAggregator(), Process("old", 100, known=True), Process("new", 1)
    book.take(old.push(), now=0)
    book.take(new.push(), now=0)
    assert shown(book) == 1
    old.requests = 105
    book.take(old.push(final=True), now=1)
    assert shown(book) == 6


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"kept": {}}', '{"kept": 1, "live": {}, "ended": []}'])
def test_a_book_that_cannot_be_read_is_a_new_one(tmp_path: Path, text: str | None):
    path = tmp_path / "book"
    if text is not None:
        path.write_text(text)
    book = hub_state.read(path, now=0)
    assert not book.restored
    assert shown(book) == 0


def test_only_its_owner_reads_the_book(tmp_path: Path):
    hub_state.write(tmp_path / "book", MetricsAggregator())
    assert (tmp_path / "book").stat().st_mode & 0o777 == 0o600


class Hubs(RuleBasedStateMachine):
    """Processes answer, push, stall and die; pushes get lost, come late and twice; hubs die and come again.

    What is shown is what has arrived, and never goes back; in the end it is all but what the dead had not pushed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "book"
        self.now = 0.0
        self.book = MetricsAggregator()
        hub_state.write(self.path, self.book)
        self.processes: list[Process] = []
        self.dead = 0
        self.arrived: dict[str, int] = {}
        """What each process had answered at its last push that arrived."""
        self.saved: dict[str, int] = {}
        """The same, when the hub last wrote its book."""
        self.sent: list[Push] = []
        self.last_shown = 0
        self.born()

    @rule()
    def born(self) -> None:
        self.processes.append(Process(f"p{len(self.processes) + self.dead}"))

    @rule(which=st.integers(0, 20), requests=st.integers(1, 5))
    def answer(self, which: int, requests: int) -> None:
        if self.processes:
            self.processes[which % len(self.processes)].requests += requests

    @rule(which=st.integers(0, 20), lost=st.booleans(), final=st.booleans())
    def push(self, which: int, lost: bool, final: bool) -> None:
        if not self.processes:
            return
        process = self.processes[which % len(self.processes)]
        sent = process.push(final=final)
        self.sent.append(sent)
        if not lost:
            self.book.take(sent, self.now)
            self.arrived[process.name] = process.requests
            process.known = True
        if final:
            self.bury(process)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 100))
    def an_old_push_comes_again(self, which: int) -> None:
        sent = self.sent[which % len(self.sent)]
        self.book.take(sent, self.now)
        name, requests = sent.source, sent.snapshot.totals.counters[OK]
        self.arrived[name] = max(self.arrived.get(name, 0), requests)

    @rule(which=st.integers(0, 20))
    def die(self, which: int) -> None:
        if self.processes:
            self.bury(self.processes[which % len(self.processes)])

    def bury(self, process: Process) -> None:
        self.processes.remove(process)
        self.dead += 1

    @rule(seconds=st.sampled_from([1.0, LIVE_S, ENDED_S + 1]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.book.tidy(self.now)

    @rule()
    def scrape(self) -> None:
        hub_state.write(self.path, self.book)
        self.saved = dict(self.arrived)
        count = shown(self.book)
        assert count >= self.last_shown, "a counter went back"
        assert count == sum(self.arrived.values())
        self.last_shown = count

    @rule()
    def the_hub_is_killed(self) -> None:
        self.book = hub_state.read(self.path, self.now)
        self.arrived = dict(self.saved)

    @invariant()
    def what_could_be_shown_never_goes_back(self) -> None:
        assert shown(self.book) >= self.last_shown

    def teardown(self) -> None:
        for process in self.processes:
            self.book.take(process.push(), self.now)
            self.arrived[process.name] = process.requests
        assert shown(self.book) == sum(self.arrived.values())
        self.folder.cleanup()


TestHubs = Hubs.TestCase
TestHubs.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_of_the_traces_that_live_processes_tell_the_last_in_each_bucket_is_shown():
    book, key = MetricsAggregator(), BATCHES
    one, other = Process("one"), Process("other")
    early, late, alone = Exemplar(1.0, 0.2, "early"), Exemplar(2.0, 0.1, "late"), Exemplar(1.5, 9.0, "alone")
    one.exemplars, other.exemplars = {key: {3: late}}, {key: {3: early, 7: alone}}
    book.take(one.push(), now=0.0)
    book.take(other.push(), now=0.0)
    assert book.exemplars(1.0) == {key: {3: late, 7: alone}}
    book.take(other.push(final=True), now=1.0)
    assert book.exemplars(1.0) == {key: {3: late}}
    assert book.exemplars(LIVE_S + 1.0) == {}


def test_a_version_is_forgotten_an_hour_after_anybody_told_of_it_and_begins_at_zero_again():
    book, old, other = MetricsAggregator(), Process("old", 3), Process("other", gauges={IS_READY: 1})
    book.take(old.push(final=True), now=0)
    book.tidy(now=FORGET_S)
    assert shown(book) == 3, "an update loses nothing"
    book.tidy(now=FORGET_S + 1)
    assert book.totals() == Totals()
    assert (book.kept, book.told_at) == (Totals(), {})
    other.requests = 2
    book.take(other.push(), now=FORGET_S + 2)
    assert shown(book) == 2


@pytest.mark.parametrize("gauge", [IS_READY, FLYING])
def test_a_version_that_is_scaled_to_zero_is_kept_as_long_as_anybody_tells_of_it(gauge: Key):
    book = MetricsAggregator()
    book.take(Process("replica", 3).push(final=True), now=0)
    loop = Push("loop", 1, known=False, final=False, snapshot=Snapshot(Totals(), {gauge: 1}))
    book.take(loop, now=FORGET_S)
    book.tidy(now=2 * FORGET_S)
    assert shown(book) == 3


def test_a_process_that_wakes_after_its_version_was_forgotten_is_counted_once():
    book, stalled = MetricsAggregator(), Process("stalled", 3)
    book.take(stalled.push(), now=0)
    for now in (ENDED_S + 1, FORGET_S + 1):
        book.tidy(now)
    assert shown(book) == 0
    stalled.requests = 5
    book.take(stalled.push(), now=FORGET_S + 2)
    assert shown(book) == 5


def test_a_hub_that_is_started_again_forgets_an_hour_later():
    book = MetricsAggregator()
    book.take(Process("old", 3).push(final=True), now=0)
    with TemporaryDirectory() as folder:
        hub_state.write(Path(folder) / "book", book)
        book = hub_state.read(Path(folder) / "book", now=50)
    book.tidy(now=100)
    book.tidy(now=FORGET_S + 99)
    assert shown(book) == 3
    book.tidy(now=FORGET_S + 101)
    assert shown(book) == 0
