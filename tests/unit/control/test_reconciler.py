"""The reconciler with fake files, a fake Serve and a fake operator."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.config.load import MODELS_FOLDER
from modelyard.control.apply import Applier
from modelyard.control.apply_queue import Done, RequestedApplies
from modelyard.control.desired import DesiredState
from modelyard.control.file_watcher import Reading
from modelyard.control.loop_snapshot import LoopSnapshot
from modelyard.control.metrics import ControlMetrics
from modelyard.control.node import NodeDied
from modelyard.control.notices import Notices
from modelyard.control.plan import Action, NeedsConfirmation
from modelyard.control.reconciler import Reconciler
from modelyard.control.removals import REMOVAL_DELAY_S
from modelyard.control.rollback import Rollback
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import ModelStatus, Running
from modelyard.control.writes import NotWritten
from tests.unit.control.models import refused, resolved
from tests.unit.control.serve import URLS, FakeServe, desired

MISTAKE = SpecError((Diagnostic("models/a.yaml", 1, 1, "unknown key"),))
ABC = desired(*map(resolved, "abc"))
NOTHING = desired(missing=(MODELS_FOLDER,))


class Operator:
    """Reads what a report says, in a line each."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def starting(self, what: str) -> None:
        self.read.append(what)

    def progress(self, statuses: Sequence[ModelStatus]) -> None:
        self.read.append(f"progress {len(statuses)}")

    def started(self, statuses: Sequence[ModelStatus], curl: str = "", metrics: str = "") -> None:
        self.read.append(f"started {' '.join(status.name for status in statuses)}")

    def mistakes(self, error: SpecError) -> None:
        self.read.append("mistakes")

    def applied(self, actions: Sequence[Action]) -> None:
        self.read += [f"{action.kind} {action.model}" for action in actions]

    def awaits(self, actions: Sequence[Action], withheld: str) -> None:
        self.read += [f"waits: {action.kind} {action.model}" for action in actions]
        self.read += [withheld] if withheld else []

    def changed(self, status: ModelStatus) -> None:
        self.read.append(f"{status.name} {status.state}")

    def trouble(self, what: str) -> None:
        self.read.append(what)


class Loop:
    """Runs the reconciler through a list of events, one a cycle, and stops."""

    def __init__(self, first: DesiredState = ABC, *, approve: bool = False) -> None:
        self.serve = FakeServe()
        self.operator = Operator()
        self.metrics = ControlMetrics()
        self.notices = Notices(self.operator.trouble)
        self.stop = threading.Event()
        self.turns: list[LoopSnapshot] = []
        self.asked = threading.Event()
        self.requested = RequestedApplies(self.asked.set)
        self.clock = 0.0
        self.silent = False
        self.happenings: list[Reading | Callable[[], None] | None] = []
        self.died = ""
        self.is_watching = False
        self.observations: list[Running] = []
        self.timeouts: list[float] = []
        """For how long each cycle would have waited for changed files."""
        self.edge: list[Exception] = []
        """What the next changes of the edge's files fail with."""
        self.applier = Applier(self.serve, Rollback(), URLS, server=first.config.server, on_target=self.write_edge)
        self.reconciler = Reconciler(
            self,
            first,
            self.applier,
            self.operator,
            self.stop,
            notices=self.notices,
            metrics=self.metrics,
            checks=(self.check,),
            observed=self.observations.append,
            on_started=self.operator.started,
            on_turn=self.turns.append,
            requested=self.requested,
            approve=approve,
            now=lambda: self.clock,
        )

    def write_edge(self, _desired: DesiredState, _target: ServeConfig) -> None:
        if self.edge:
            raise self.edge.pop(0)

    def check(self) -> None:
        if self.died:
            raise NodeDied(self.died)

    def start(self) -> None:
        """See `reconciler.Files`."""
        self.is_watching = True

    def is_silent(self) -> bool:
        return self.silent

    def next(self, timeout_s: float) -> Reading | None:
        """Each turn takes a second."""
        self.clock += 1.0
        self.timeouts.append(timeout_s)
        if not self.happenings:
            self.stop.set()
            return None
        happens = self.happenings.pop(0)
        if callable(happens):
            happens()
            return None
        return happens

    def run(self, *happenings: Reading | Callable[[], None] | None) -> list[str]:
        """What the operator reads meanwhile, without the progress."""
        self.happenings, self.operator.read = [*happenings], []
        self.stop.clear()
        self.reconciler.run()
        return [line for line in self.operator.read if not line.startswith("progress")]

    def apply(self, desired: DesiredState, *, allow_removals: bool = False) -> "Future[Done]":
        """A request at the control socket, which the next cycle carries out."""
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(
                self.requested.request, desired, allow_removals=allow_removals, read_from=self.clock, timeout_s=30
            )
            assert self.asked.wait(30)
            self.asked.clear()
            self.reported = self.run(None, None)
        return asking

    def gauge(self, name: str) -> float:
        return self.metrics.snapshot().gauges[(name,)]


@pytest.fixture
def loop() -> Loop:
    """Started, with the models a, b and c."""
    loop = Loop()
    assert loop.run() == ["add a", "add b", "add c", "started a b c"]
    return loop


LONG = [None] * (int(REMOVAL_DELAY_S) + 2)


def test_all_models_stay_when_their_folder_goes_and_the_operator_reads_what_is_waited_for(loop: Loop):
    reported = loop.run(NOTHING, *LONG, *LONG)
    assert reported == [
        "nothing is changed: the folder models is missing, and the last configuration had 3 models. "
        "Restore the files, or confirm with `modelyard apply --allow-removals`"
    ]
    assert loop.serve.models == ["a", "b", "c"]
    assert loop.gauge("config_last_reload_successful") == 0
    assert loop.gauge("config_removals_withheld") == 1


def test_when_the_files_are_back_everything_is_as_before(loop: Loop):
    deployed = len(loop.serve.deployed)
    reported = loop.run(NOTHING, *LONG, ABC, None)
    assert reported[1:] == ["the configuration is applied again"]
    assert (loop.serve.models, len(loop.serve.deployed)) == (["a", "b", "c"], deployed)
    assert loop.gauge("config_last_reload_successful") == 1
    assert loop.gauge("config_removals_withheld") == 0


def test_a_removal_that_was_withheld_goes_on_when_the_operator_confirms_it_elsewhere(loop: Loop):
    def confirm() -> None:
        Applier(loop.serve, Rollback(), URLS).apply(NOTHING, allow_removals=True)

    loop.run(NOTHING, *LONG, confirm, None, None)
    assert loop.serve.models == []
    assert loop.gauge("config_last_reload_successful") == 1


def test_a_file_that_is_missing_for_a_moment_is_no_removal(loop: Loop):
    deployed = len(loop.serve.deployed)
    assert loop.run(desired(*map(resolved, "ab")), None, ABC, *LONG) == []
    assert len(loop.serve.deployed) == deployed


def test_a_file_that_stays_away_is_a_removal(loop: Loop):
    assert loop.run(desired(*map(resolved, "ab")), *LONG) == ["remove c"]
    assert loop.serve.models == ["a", "b"]


def test_files_that_go_one_by_one_are_one_removal(loop: Loop):
    loop.run(*(each for names in ("ab", "a", "") for each in (desired(*map(resolved, names)), None)), *LONG)
    assert loop.serve.models == ["a", "b", "c"]


def test_a_version_that_is_missing_for_a_moment_brings_back_no_older_one():
    newer = desired(resolved("a", "yx"), there={"a": frozenset({1, 2})})
    older = desired(resolved("a", "x"), there={"a": frozenset({1})})
    loop = Loop(desired(resolved("a", "yx", versions="all"), there={"a": frozenset({1, 2})}))
    loop.run(newer, None)
    assert loop.run(older, None, newer, *LONG) == []
    assert loop.run(older, *LONG) == ["restart a", "a READY"]


def test_a_repository_that_goes_away_changes_no_model(loop: Loop):
    away = desired(*(refused(f"there is no folder {name} in the model repository", name) for name in "abc"))
    assert loop.run(away, *LONG)[:3] == ["refuse a", "refuse b", "refuse c"]
    assert loop.serve.models == ["a", "b", "c"]


@pytest.mark.parametrize("error", [MISTAKE, OSError("stale file handle"), RuntimeError("a fault of ours")])
def test_a_configuration_that_cannot_be_read_changes_nothing(loop: Loop, error: Exception):
    reported = loop.run(error, None, error)
    assert reported == (["mistakes"] * 2 if error is MISTAKE else [f"cannot read the configuration: {error}"])
    assert loop.gauge("config_last_reload_successful") == 0
    loop.run(ABC, None)
    assert loop.gauge("config_last_reload_successful") == 1


@pytest.mark.parametrize("error", [ConnectionError("away"), OSError(28, "No space left"), RuntimeError("broken")])
def test_nothing_that_goes_wrong_in_the_loop_ends_it(loop: Loop, error: Exception):
    four = desired(*map(resolved, "abcd"))
    loop.serve.raises = [error] * 2
    reported = loop.run(four, None, None, None)
    assert str(error) in reported[0]
    assert reported[1:] == ["add d", "d READY"]


def test_a_change_that_cannot_be_applied_waits_and_what_runs_is_observed_meanwhile(loop: Loop):
    loop.edge = [NotWritten("no room for d")] * 3
    turns = len(loop.turns)
    with_d = desired(*map(resolved, "abcd"))
    assert loop.run(with_d, *[None] * 2) == ["no room for d"]
    assert [turn.at for turn in loop.turns[turns:]] == sorted({turn.at for turn in loop.turns[turns:]})
    assert loop.turns[-1].notices["loop"] == "no room for d"
    assert loop.run(*LONG)[:2] == ["add d", "d READY"]
    assert "loop" not in loop.turns[-1].notices


def test_problems_that_last_are_reported_once_each_and_end_when_they_are_over(loop: Loop):
    one, two = {"a": "cannot write a"}, {"a": "cannot write a", "b": "cannot write b"}
    tell = [lambda troubles=troubles: loop.notices.set_all("write ", troubles) for troubles in (one, two, two, {}, one)]
    assert loop.run(*tell) == ["cannot write a", "cannot write b", "cannot write a"]
    assert loop.turns[-1].notices == {"write a": "cannot write a"}


def test_a_problem_that_returns_is_reported_again_but_not_every_second(loop: Loop):
    def fail() -> None:
        loop.serve.raises = [ConnectionError("away")] * 3

    assert loop.run(fail, None, None, None, fail, None, None, None) == ["away", "away"]


def test_a_node_that_died_ends_the_reconciler(loop: Loop):
    loop.died = "raylet"
    with pytest.raises(NodeDied):
        loop.run(None)


def test_a_file_system_that_does_not_respond_is_reported_once(loop: Loop):
    loop.silent = True
    (reported,) = loop.run(None, None)
    assert "has not responded" in reported


def test_a_change_during_the_start_up_is_applied_before_the_start_up_is_over():
    loop = Loop()
    loop.serve.loading = {"a"}
    reported = loop.run(desired(*map(resolved, "abcd")), None)
    assert reported == ["add a", "add b", "add c", "add d"]
    loop.serve.loading = set()
    assert loop.run(None) == ["started a b c d"]


def test_a_model_that_changes_its_state_is_reported(loop: Loop):
    loop.serve.failing["b"] = "the disk is full"
    assert loop.run(None, None) == ["b READY"]  # an old replica answers still, with the reason


def test_a_file_that_is_ignored_is_reported_once(loop: Loop):
    warning = Diagnostic("models/d.YAML", 0, 0, "this file is ignored", severity="warning")
    warned = replace(ABC, config=replace(ABC.config, warnings=(warning,)))
    assert loop.run(warned, warned, None) == ["models/d.YAML: warning: this file is ignored"]


ABCD = desired(*map(resolved, "abcd"))


def test_a_requested_apply_is_carried_out_and_answered(loop: Loop):
    done = loop.apply(ABCD).result()
    assert [(action.kind, action.model) for action in done.actions] == [("add", "d")]
    assert loop.serve.models == ["a", "b", "c", "d"]
    assert loop.reported == ["add d", "d READY"]
    later = next(turn for turn in loop.turns if turn.number > done.turn)
    assert "d" in {status.name for status in later.statuses}


def test_an_apply_that_needs_a_confirmation_changes_nothing_without_it(loop: Loop):
    with pytest.raises(NeedsConfirmation, match="3 models"):
        loop.apply(NOTHING).result()
    assert loop.serve.models == ["a", "b", "c"]
    loop.apply(NOTHING, allow_removals=True).result()
    assert loop.serve.models == []


def test_an_apply_that_fails_raises_at_its_caller_and_the_reconciler_continues(loop: Loop):
    loop.serve.raises = [ConnectionError("away")]
    with pytest.raises(ConnectionError, match="away"):
        loop.apply(ABCD).result()
    assert loop.run(ABCD, None) == ["add d", "d READY"]


def test_a_turn_holds_what_the_loop_knows(loop: Loop):
    loop.run(MISTAKE, None)
    turn = loop.turns[-1]
    assert [status.name for status in turn.statuses] == ["a", "b", "c"]
    assert turn.configured == {"a", "b", "c"}
    assert "models/a.yaml:1: unknown key" in turn.notices["configuration"]
    assert [turn.number for turn in loop.turns] == [*range(1, len(loop.turns) + 1)]
    loop.run(ABCD, None)
    assert loop.turns[-1].notices == {}
    assert loop.turns[-1].configured == {"a", "b", "c", "d"}


def test_a_turn_in_which_serve_does_not_answer_holds_the_last_answer_and_its_time(loop: Loop):
    at = loop.turns[-1].at

    def fail() -> None:
        loop.serve.raises = [ConnectionError("away")] * 9

    loop.run(fail, None, None)
    last = loop.turns[-1]
    assert last.notices["loop"] == "away"
    assert at <= last.at < loop.clock - 1
    assert len(last.statuses) == 3


@pytest.fixture
def approving() -> Loop:
    """Started, with the models a, b and c; changes wait for an apply."""
    loop = Loop(approve=True)
    assert loop.run() == ["add a", "add b", "add c", "started a b c"]
    return loop


def test_a_change_waits_for_its_approval_and_is_shown_once(approving: Loop):
    assert approving.run(ABCD, None, None, ABCD, None) == ["waits: add d"]
    assert approving.serve.models == ["a", "b", "c"]
    assert [action.model for action in approving.turns[-1].waiting] == ["d"]
    assert approving.gauge("config_last_reload_successful") == 1


def test_a_change_that_is_approved_is_made_and_waits_no_more(approving: Loop):
    approving.run(ABCD, None)
    approving.apply(ABCD).result()
    assert approving.reported == ["add d", "d READY"]
    assert approving.serve.models == ["a", "b", "c", "d"]
    assert approving.turns[-1].waiting == ()


def test_a_change_that_is_reverted_does_not_wait(approving: Loop):
    assert approving.run(ABCD, None, ABC, None, None) == ["waits: add d"]
    assert approving.turns[-1].waiting == ()
    assert approving.serve.models == ["a", "b", "c"]


def test_another_change_is_shown_again(approving: Loop):
    assert approving.run(ABCD, None, desired(*map(resolved, "abce")), None, *LONG) == ["waits: add d", "waits: add e"]


def test_files_that_changed_after_an_approval_wait_for_the_next(approving: Loop):
    approving.apply(ABCD).result()
    assert approving.run(desired(*map(resolved, "abcde")), None) == ["waits: add e"]
    assert approving.serve.models == ["a", "b", "c", "d"]


def test_a_removal_of_most_models_says_that_its_approval_needs_a_confirmation(approving: Loop):
    reported = approving.run(NOTHING, *LONG)
    assert reported[:3] == ["waits: remove a", "waits: remove b", "waits: remove c"]
    assert reported[3].startswith("the folder models is missing")
    assert approving.turns[-1].withheld
    with pytest.raises(NeedsConfirmation):
        approving.apply(NOTHING).result()
    assert approving.serve.models == ["a", "b", "c"]


def test_what_changes_nothing_needs_no_approval(approving: Loop):
    assert approving.run(desired(*map(resolved, "abc")), None) == []
    assert approving.turns[-1].waiting == ()


def test_mistakes_are_reported_and_nothing_waits(approving: Loop):
    assert approving.run(ABCD, None, MISTAKE, None) == ["waits: add d", "mistakes"]
    assert approving.turns[-1].waiting == ()


def test_the_first_configuration_is_applied_before_a_changed_one_waits():
    loop = Loop(approve=True)
    loop.serve.raises = [ConnectionError("away")] * 3
    reported = loop.run(ABCD, None, None, None, None)
    assert reported == ["away", "add a", "add b", "add c", "waits: add d", "started a b c"]
    assert loop.serve.models == ["a", "b", "c"]


def test_what_was_applied_by_another_way_does_not_wait(approving: Loop):
    """On a cluster, `modelyard apply` does it itself."""
    approving.run(ABCD, None)
    assert approving.run(lambda: approving.serve.deploy(ABCD.serve_config({})), None, None) == ["d READY"]
    assert approving.turns[-1].waiting == ()
