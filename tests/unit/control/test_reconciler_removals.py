"""What disappears from the files is removed after a delay, or needs a confirmation."""

import pytest

from modelyard.control.apply import Applier
from modelyard.control.rollback import Rollback
from tests.unit.control.models import refused, resolved
from tests.unit.control.reconciler_loop import ABC, LONG, NOTHING, Loop, started
from tests.unit.control.serve import URLS, desired


@pytest.fixture
def loop() -> Loop:
    return started()


def test_all_models_stay_when_their_folder_disappears_and_the_operator_reads_what_is_waited_for(loop: Loop):
    reported = loop.run(NOTHING, *LONG, *LONG)
    assert reported == [
        "nothing is changed: the folder models is missing, and the last configuration had 3 models. "
        "Restore the files, or confirm with `modelyard apply --allow-removals`"
    ]
    assert loop.serve.models == ["a", "b", "c"]
    assert loop.gauge("config_last_reload_successful") == 0
    assert loop.gauge("config_removals_withheld") == 1


def test_when_the_files_return_nothing_has_changed(loop: Loop):
    deployed = len(loop.serve.deployed)
    reported = loop.run(NOTHING, *LONG, ABC, None)
    assert reported[1:] == ["the configuration is applied again"]
    assert (loop.serve.models, len(loop.serve.deployed)) == (["a", "b", "c"], deployed)
    assert loop.gauge("config_last_reload_successful") == 1
    assert loop.gauge("config_removals_withheld") == 0


def test_a_withheld_removal_is_applied_when_the_operator_confirms_it_by_another_process(loop: Loop):
    def confirm() -> None:
        Applier(loop.serve, Rollback(), URLS).apply(NOTHING, allow_removals=True)

    loop.run(NOTHING, *LONG, confirm, None, None)
    assert loop.serve.models == []
    assert loop.gauge("config_last_reload_successful") == 1


def test_a_file_that_is_missing_for_a_moment_is_not_a_removal(loop: Loop):
    deployed = len(loop.serve.deployed)
    assert loop.run(desired(*map(resolved, "ab")), None, ABC, *LONG) == []
    assert len(loop.serve.deployed) == deployed


def test_a_file_that_stays_missing_is_a_removal(loop: Loop):
    assert loop.run(desired(*map(resolved, "ab")), *LONG) == ["remove c"]
    assert loop.serve.models == ["a", "b"]


def test_files_that_disappear_one_by_one_are_one_removal(loop: Loop):
    loop.run(*(each for names in ("ab", "a", "") for each in (desired(*map(resolved, names)), None)), *LONG)
    assert loop.serve.models == ["a", "b", "c"]


def test_a_version_that_is_missing_for_a_moment_does_not_bring_back_an_older_one():
    newer = desired(resolved("a", "yx"), there={"a": frozenset({1, 2})})
    older = desired(resolved("a", "x"), there={"a": frozenset({1})})
    loop = Loop(desired(resolved("a", "yx", versions="all"), there={"a": frozenset({1, 2})}))
    loop.run(newer, None)
    assert loop.run(older, None, newer, *LONG) == []
    assert loop.run(older, *LONG) == ["restart a", "a READY"]


def test_a_repository_that_disappears_changes_no_model(loop: Loop):
    away = desired(*(refused(f"there is no folder {name} in the model repository", name) for name in "abc"))
    assert loop.run(away, *LONG)[:3] == ["refuse a", "refuse b", "refuse c"]
    assert loop.serve.models == ["a", "b", "c"]
