"""What lasts while the reconciler runs: notices, observations, the progress of a start."""

from dataclasses import replace

import pytest

from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.config.server_spec import ServerSpec
from modelyard.control.reconciler import IN_PLACE, STILL_WRITTEN
from tests.unit.control.models import refused, resolved
from tests.unit.control.reconciler_loop import ABC, ABCD, MISTAKE, Loop, started
from tests.unit.control.serve import desired

OTHER_SERVER = replace(ABC, config=replace(ABC.config, server=ServerSpec(connections=7)))


@pytest.fixture
def loop() -> Loop:
    """Started, with the models a, b and c."""
    return started()


def notices(loop: Loop) -> dict[str, str]:
    """Those of the last cycle."""
    return dict(loop.turns[-1].notices)


def test_a_start_watches_the_files_and_shows_its_progress():
    loop = Loop()
    assert not loop.is_watching
    loop.run()
    assert loop.is_watching
    assert "progress 3" in loop.operator.read
    loop.run(None)
    assert not [line for line in loop.operator.read if line.startswith("progress")]


def test_every_observation_is_passed_on(loop: Loop):
    seen = len(loop.observations)
    loop.run(None, None)
    assert len(loop.observations) == seen + 3
    assert set(loop.observations[-1].applications) == {"gateway", "a", "b", "c"}


def test_a_changed_server_yaml_is_noted_until_it_is_as_the_server_runs(loop: Loop):
    expected = "server.yaml has changed: it is applied at the next start"
    assert loop.run(OTHER_SERVER, None, None) == [expected]
    assert notices(loop) == {"server.yaml": expected}
    loop.run(ABC, None)
    assert notices(loop) == {}


def test_files_that_cannot_be_read_are_noted_until_they_can_be(loop: Loop):
    assert loop.run(OSError("no permission"), None) == ["cannot read the configuration: no permission"]
    assert notices(loop) == {"unreadable": "cannot read the configuration: no permission"}
    assert loop.gauge("config_last_reload_successful") == 0
    loop.run(ABC, None)
    assert notices(loop) == {}
    assert loop.gauge("config_last_reload_successful") == 1


@pytest.mark.parametrize(
    ("mistakes", "place", "more"),
    [
        ([Diagnostic("models/a.yaml", 4, 1, "unknown key")], "models/a.yaml:4", ""),
        ([Diagnostic("models", 0, 0, "unknown key"), Diagnostic("b.yaml", 1, 1, "x")], "models", " (and 1 more)"),
    ],
)
def test_the_first_of_several_mistakes_is_noted(loop: Loop, mistakes: list[Diagnostic], place: str, more: str):
    loop.run(SpecError(tuple(mistakes)), None)
    assert notices(loop) == {
        "configuration": "the configuration has errors, and nothing changes until they are fixed: "
        f"{place}: unknown key{more}"
    }
    loop.run(ABC, None)
    assert notices(loop) == {}


IGNORED = Diagnostic("models/notes.txt", 0, 0, "is ignored")


def test_what_the_operator_read_before_the_start_is_noted_and_not_reported_again():
    first = replace(ABC, config=replace(ABC.config, warnings=(IGNORED,)))
    loop = Loop(first)
    assert loop.run(None, first, None) == ["add a", "add b", "add c", "started a b c"]
    assert list(notices(loop).values()) == [IGNORED.render()]
    loop.run(ABC, None)
    assert notices(loop) == {}


STILL_COPIED = desired(*map(resolved, "abc"), refused(f"version 1 {STILL_WRITTEN}", "d"))


@pytest.mark.parametrize("reason", [STILL_WRITTEN, IN_PLACE])
def test_a_version_that_is_still_written_is_reported_only_if_it_stays_so(loop: Loop, reason: str):
    copied = desired(*map(resolved, "abc"), refused(f"version 1 is {reason}", "d"))
    assert loop.run(replace(copied, settles_in_s=1.0), None, None) == []
    assert loop.run(copied, None)[:1] == ["refuse d"]


def test_a_version_that_is_still_written_at_the_start_is_not_reported():
    assert "refuse d" not in Loop(replace(STILL_COPIED, settles_in_s=1.0)).run(None)
    assert "refuse d" in Loop(STILL_COPIED).run(None)


def test_a_mistake_ends_the_wait_for_a_version(loop: Loop):
    loop.run(replace(STILL_COPIED, settles_in_s=1.0), None)
    assert loop.run(SpecError((IGNORED,)), None, None) == ["mistakes", "d UNAVAILABLE"]


def test_a_model_that_is_changing_is_reported_when_the_change_is_over(loop: Loop):
    loop.serve.loading.add("b")
    assert loop.run(None, None) == []
    loop.serve.loading.clear()
    loop.serve.failing["b"] = "Error:\nno memory"
    assert loop.run(None, None) == ["b READY"]


def test_a_cycle_is_short_during_the_start_and_takes_a_second_afterwards():
    loop = Loop()
    loop.serve.loading |= {"a"}
    loop.run(None, loop.serve.loading.clear, None)
    assert loop.timeouts == [0.25, 0.25, 1.0, 1.0]


def test_a_valid_configuration_that_waits_or_is_approved_ends_the_failure_of_one_with_mistakes():
    loop = started(approve=True)
    loop.run(MISTAKE, None)
    assert loop.gauge("config_last_reload_successful") == 0
    loop.run(ABCD, None, None)
    assert loop.gauge("config_last_reload_successful") == 1
    loop.run(MISTAKE, None)
    assert loop.gauge("config_last_reload_successful") == 0
    loop.apply(ABCD)
    assert loop.gauge("config_last_reload_successful") == 1
    assert loop.turns[-1].waiting == ()
