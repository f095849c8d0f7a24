"""Applies that an operator requests, and changes that wait for one."""

import pytest

from modelyard.control.plan import NeedsConfirmation
from tests.unit.control.models import resolved
from tests.unit.control.reconciler_loop import ABC, ABCD, LONG, MISTAKE, NOTHING, Loop, started
from tests.unit.control.serve import desired


@pytest.fixture
def loop() -> Loop:
    return started()


@pytest.fixture
def approving() -> Loop:
    return started(approve=True)


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


def test_a_removal_of_most_models_reports_that_its_approval_needs_a_confirmation(approving: Loop):
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


def test_errors_are_reported_and_nothing_waits(approving: Loop):
    assert approving.run(ABCD, None, MISTAKE, None) == ["waits: add d", "mistakes"]
    assert approving.turns[-1].waiting == ()


def test_the_first_configuration_is_applied_before_a_changed_one_waits():
    loop = Loop(approve=True)
    loop.serve.raises = [ConnectionError("away")] * 3
    reported = loop.run(ABCD, None, None, None, None)
    assert reported == ["away", "add a", "add b", "add c", "waits: add d", "started a b c"]
    assert loop.serve.models == ["a", "b", "c"]


def test_a_change_that_was_applied_by_another_process_does_not_wait(approving: Loop):
    """On a cluster, `modelyard apply` does it itself."""
    approving.run(ABCD, None)
    assert approving.run(lambda: approving.serve.deploy(ABCD.serve_config({})), None, None) == ["d READY"]
    assert approving.turns[-1].waiting == ()
