"""The cycle of the reconciler: observes, applies changes of the files, and reports problems."""

from dataclasses import replace

import pytest

from modelyard.config.diagnostic import Diagnostic
from modelyard.control import reconciler
from modelyard.control.node import NodeDied
from modelyard.control.writes import NotWritten
from tests.unit.control.models import resolved
from tests.unit.control.reconciler_loop import ABC, ABCD, LONG, MISTAKE, Loop, started
from tests.unit.control.serve import desired


@pytest.fixture
def loop() -> Loop:
    return started()


@pytest.mark.parametrize("error", [MISTAKE, OSError("stale file handle"), RuntimeError("a fault of ours")])
def test_a_configuration_that_cannot_be_read_changes_nothing(loop: Loop, error: Exception):
    reported = loop.run(error, None, error)
    assert reported == (["mistakes"] * 2 if error is MISTAKE else [f"cannot read the configuration: {error}"])
    assert loop.gauge("config_last_reload_successful") == 0
    loop.run(ABC, None)
    assert loop.gauge("config_last_reload_successful") == 1


@pytest.mark.parametrize("error", [ConnectionError("away"), OSError(28, "No space left"), RuntimeError("broken")])
def test_no_error_in_the_loop_ends_it(loop: Loop, error: Exception):
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


def test_a_state_that_cannot_be_published_does_not_end_the_loop(loop: Loop, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise TypeError("a fault of ours")

    with monkeypatch.context() as broken:
        broken.setattr(reconciler, "pool_statuses", fail)
        reported = loop.run(None, None)
    assert [text.partition(";")[0] for text in reported] == ["TypeError: a fault of ours"]
    loop.run(None, None)
    assert "loop" not in loop.turns[-1].notices


def test_problems_that_last_are_reported_once_each_and_end_when_they_are_over(loop: Loop):
    one, two = {"a": "cannot write a"}, {"a": "cannot write a", "b": "cannot write b"}
    sets = [lambda troubles=troubles: loop.notices.set_all("write ", troubles) for troubles in (one, two, two, {}, one)]
    assert loop.run(*sets) == ["cannot write a", "cannot write b", "cannot write a"]
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
    assert loop.run(None, None) == ["b READY"]  # an old replica still answers, with the reason


def test_a_file_that_is_ignored_is_reported_once(loop: Loop):
    warning = Diagnostic("models/d.YAML", 0, 0, "this file is ignored", severity="warning")
    warned = replace(ABC, config=replace(ABC.config, warnings=(warning,)))
    assert loop.run(warned, warned, None) == ["models/d.YAML: warning: this file is ignored"]


def test_a_turn_holds_the_state_of_the_loop(loop: Loop):
    loop.run(MISTAKE, None)
    turn = loop.turns[-1]
    assert [status.name for status in turn.statuses] == ["a", "b", "c"]
    assert turn.configured == {"a", "b", "c"}
    assert "models/a.yaml:1: unknown key" in turn.notices["configuration"]
    assert [turn.number for turn in loop.turns] == [*range(1, len(loop.turns) + 1)]
    loop.run(ABCD, None)
    assert loop.turns[-1].notices == {}
    assert loop.turns[-1].configured == {"a", "b", "c", "d"}


def test_a_turn_without_a_response_from_serve_holds_the_last_observation_and_its_time(loop: Loop):
    at = loop.turns[-1].at

    def fail() -> None:
        loop.serve.raises = [ConnectionError("away")] * 9

    loop.run(fail, None, None)
    last = loop.turns[-1]
    assert last.notices["loop"] == "away"
    assert at <= last.at < loop.clock - 1
    assert len(last.statuses) == 3
