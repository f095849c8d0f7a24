"""What is missing, and whether the removal is applied."""

from dataclasses import replace

import pytest

from modelyard.config.load import MODELS_FOLDER, SERVER_FILE, Config
from modelyard.config.server_spec import ServerSpec
from modelyard.control.desired import DesiredState
from modelyard.control.removals import REMOVAL_DELAY_S, RemovalDelay, emptied, missing, withheld
from modelyard.repository.resolve import Resolved
from tests.unit.control.models import ROOT, applications, configured, resolved, spec

OTHER = ServerSpec(connections=7)


def config(names: str = "", *absent: str, server: ServerSpec | None = None) -> Config:
    """One model for each letter."""
    return Config(server or ServerSpec(), tuple(spec(name) for name in names), {}, ROOT, missing=absent)


@pytest.mark.parametrize(
    ("before", "after"),
    [("a", ""), ("ab", ""), ("abc", "c"), ("abcde", "de"), ("ab", "cd"), ("a", "b"), ("abc", "cxyz")],
)
def test_the_removal_of_all_or_most_models_is_withheld(before, after):
    assert withheld(config(after), ServerSpec(), before) != ""


@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("", "a"), ("ab", "a"), ("abcd", "ab"), ("abc", "bcd"), ("a", "ab")]
)
def test_the_removal_of_some_is_not(before, after):
    assert withheld(config(after), ServerSpec(), before) == ""


@pytest.mark.parametrize(
    ("absent", "server", "reason"),
    [
        ((SERVER_FILE,), OTHER, "server.yaml is missing or empty, and the last configuration had settings in it"),
        ((SERVER_FILE,), ServerSpec(), ""),
        ((SERVER_FILE,), None, ""),
        ((), OTHER, ""),
    ],
)
def test_a_lost_server_yaml_withholds_the_change_if_it_had_settings(absent, server, reason):
    assert withheld(config("a", *absent), server, "a") == reason
    last = None if server is None else config("a", server=server)
    assert emptied(config("a", *absent), last) == reason


def test_the_reason_names_what_is_missing():
    reason = withheld(config("", MODELS_FOLDER), None, "abc")
    assert reason == "the folder models is missing, and the last configuration had 3 models"
    assert withheld(config(""), None, "a") == "the folder models holds no model, and the last configuration had 1 model"
    some = withheld(config("j"), None, "abcdefghij")
    assert some == "9 of the 10 models of the last configuration have no file (a, b, c, d, e and 4 more)"


@pytest.mark.parametrize(
    ("now", "last", "is_emptied"), [("", "ab", True), ("", "", False), ("a", "abc", False), ("", None, False)]
)
def test_a_start_without_any_model_of_the_last_one_is_reported(now, last, is_emptied):
    assert bool(emptied(config(now), None if last is None else config(last))) is is_emptied


def desired(*models: Resolved, **there: set[int]) -> DesiredState:
    specs = tuple(model.spec for model in models)
    versions = {name: frozenset(numbers) for name, numbers in there.items()}
    return DesiredState(Config(ServerSpec(), specs, {}, ROOT), models, None, versions)


def test_models_without_a_file_and_versions_without_a_folder_are_missing():
    current = applications(configured(resolved("a", "xy"), resolved("b"), resolved("c", "xy")))
    wanted = desired(resolved("a"), resolved("c"), a={1}, c={1, 2})
    assert missing(wanted, current) == {"b", "a/2"}
    assert missing(replace(wanted, versions_there={}), current) == {"b"}


def test_what_is_missing_is_acted_on_when_it_has_lasted():
    clock = [0.0]
    lasting = RemovalDelay(lambda: clock[0])
    assert lasting.is_over(frozenset())
    assert not lasting.is_over(frozenset("a"))
    clock[0] = REMOVAL_DELAY_S - 0.1
    assert not lasting.is_over(frozenset("a"))
    assert not lasting.is_over(frozenset("ab")), "files disappear one after the other: wait for the last"
    clock[0] = 2 * REMOVAL_DELAY_S
    assert lasting.is_over(frozenset("ab"))
    assert lasting.is_over(frozenset()), "everything is back"
    assert not lasting.is_over(frozenset("a"))
