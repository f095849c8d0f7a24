"""For how long something must be missing, and which versions count as missing."""

from modelyard.config.load import Config
from modelyard.config.server_spec import ServerSpec
from modelyard.control.desired import DesiredState
from modelyard.control.removals import RemovalDelay, missing, withheld
from modelyard.repository.resolve import Resolved
from tests.unit.control.models import ROOT, applications, configured, refused, resolved, spec


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_same_must_be_missing_for_three_seconds():
    clock = Clock()
    delay = RemovalDelay(clock)
    churn, both = frozenset({"churn"}), frozenset({"churn", "iris"})
    assert delay.is_over(frozenset())
    assert [delay.is_over(churn)] == [False]
    clock.now = 102.9
    assert not delay.is_over(churn)
    clock.now = 103.0
    assert delay.is_over(churn)
    assert not delay.is_over(both), "something else is missing"
    clock.now = 105.9
    assert not delay.is_over(both)
    assert delay.is_over(frozenset())
    assert not delay.is_over(both), "it was there in between"
    clock.now = 109.0
    assert delay.is_over(both)


def config(names: str) -> Config:
    return Config(ServerSpec(), tuple(spec(name) for name in names), {}, ROOT)


def test_five_models_are_named_and_no_more_are_counted():
    assert withheld(config("f"), None, "abcdef").endswith("(a, b, c, d, e)")
    assert withheld(config("g"), None, "abcdefg").endswith("(a, b, c, d, e and 1 more)")


def desired(*models: Resolved, versions: dict[str, set[int]]) -> DesiredState:
    there = {name: frozenset(numbers) for name, numbers in versions.items()}
    return DesiredState(Config(ServerSpec(), tuple(model.spec for model in models), {}, ROOT), models, None, there)


def test_a_model_that_does_not_run_misses_nothing():
    churn, iris = resolved("churn", "ba"), resolved("iris", "ba")
    current = applications(configured(churn))
    wanted = desired(churn, iris, versions={"churn": {2}, "iris": set()})
    assert missing(wanted, current) == {"churn/1"}
    assert missing(desired(churn, versions={}), current) == frozenset()


def test_a_rejected_model_misses_no_version():
    churn = resolved("churn", "ba")
    wanted_spec, rejected = refused("no folder")
    state = DesiredState(Config(ServerSpec(), (wanted_spec,), {}, ROOT), (rejected,), None, {"churn": frozenset({2})})
    assert missing(state, applications(configured(churn))) == frozenset()
