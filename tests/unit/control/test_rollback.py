"""What is rolled back, and when a configuration that failed is tried again."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelyard.control.catalogue_entries import running_catalogue
from modelyard.control.rollback import Rollback, rejection_reasons
from modelyard.control.serve_config import ServeConfig
from tests.unit.control.models import application, applications, catalogue, configured, refused, resolved

GOOD, BAD, OTHER = (application(resolved(digests=letter)) for letter in "gbo")
WANTS_BAD = configured(resolved(digests="b"), resolved("iris"))


def tried() -> Rollback:
    """The good configuration has answered, and then the bad one has failed."""
    rollback = Rollback()
    rollback.mark_good("churn", GOOD)
    assert rollback.mark_failed("churn", BAD, "LoadError: bad")
    return rollback


def test_what_has_answered_is_news_once():
    rollback = Rollback()
    assert [rollback.mark_good("churn", each) for each in (GOOD, GOOD, OTHER, GOOD)] == [True, False, True, True]
    assert rollback.good == {"churn": GOOD}


def test_what_failed_is_replaced_by_what_last_answered():
    target = tried().applied_to(WANTS_BAD)
    assert applications(target)["churn"] == GOOD
    assert applications(target)["iris"] == applications(WANTS_BAD)["iris"]


def test_the_catalogue_has_what_serves_instead_and_why():
    target = tried().applied_to(WANTS_BAD)
    entry = catalogue(target)["churn"]
    assert entry.refused == "rolled back to the last good configuration: LoadError: bad"
    assert entry.served is not None
    assert [version.digest for version in entry.served.versions] == [f"sha256:{'g' * 64}"]
    assert catalogue(target)["iris"] == catalogue(WANTS_BAD)["iris"]
    assert rejection_reasons(running_catalogue(applications(target))) == {"churn": entry.refused}


def test_a_rollback_does_not_modify_the_wanted_config():
    before = repr(WANTS_BAD)
    tried().applied_to(WANTS_BAD)
    assert repr(WANTS_BAD) == before


def test_the_first_configuration_of_a_model_cannot_be_rolled_back():
    rollback = Rollback()
    assert not rollback.mark_failed("churn", BAD, "bad")
    assert rollback.applied_to(WANTS_BAD) == WANTS_BAD


def test_a_good_configuration_that_fails_now_is_not_replaced_by_itself():
    rollback = Rollback(good={"churn": GOOD})
    assert not rollback.mark_failed("churn", GOOD, "the machine is full")
    assert not rollback.rejected


def test_a_fixed_configuration_is_applied():
    wanted = configured(resolved(digests="o"))
    assert tried().applied_to(wanted) == wanted


def test_the_same_configuration_is_not_tried_again_by_itself():
    rollback = tried()
    rollback.mark_good("churn", GOOD)
    assert applications(rollback.applied_to(WANTS_BAD))["churn"] == GOOD


def test_a_configuration_that_answers_after_all_is_good():
    rollback = tried()
    rollback.mark_good("churn", BAD)
    assert rollback.applied_to(WANTS_BAD) == WANTS_BAD


def test_a_model_that_was_removed_from_the_files_does_not_return():
    wanted = configured(resolved("iris"))
    assert tried().applied_to(wanted) == wanted


def test_a_rejected_model_keeps_its_own_reason():
    wanted = configured(refused("no folder"), kept={"churn": GOOD})
    assert rejection_reasons(running_catalogue(applications(tried().applied_to(wanted)))) == {"churn": "no folder"}


def test_a_good_configuration_is_left_out_if_another_model_has_its_route_now():
    rollback = Rollback()
    rollback.mark_good("churn", application(resolved(digests="g", route="/who")))
    moved = configured(resolved(digests="b"), resolved("leavers", route="/who"))
    rollback.mark_failed("churn", applications(moved)["churn"], "bad")
    assert rollback.applied_to(moved) == moved


@pytest.mark.parametrize("result", [{}, applications(configured(resolved()))], ids=["no gateway", "nothing refused"])
def test_a_gateway_without_rejected_models_has_no_reasons(result):
    assert rejection_reasons(running_catalogue(result)) == {}


VARIANTS = [configured(resolved("churn", churn), resolved("iris", iris)) for churn in "abc" for iris in "ab"]
NAMES = st.sampled_from(["churn", "iris"])


class AnyHistory(RuleBasedStateMachine):
    """Wanted configurations change, and deployed ones answer or fail, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.rollback = Rollback()
        self.wanted: ServeConfig = VARIANTS[0]
        self.answered: dict[str, list[ServeConfig]] = {"churn": [], "iris": []}

    @property
    def deployed(self) -> dict[str, ServeConfig]:
        return applications(self.rollback.applied_to(self.wanted))

    @rule(wanted=st.sampled_from(VARIANTS))
    def edit(self, wanted):
        self.wanted = wanted

    @rule(name=NAMES)
    def answers(self, name):
        self.rollback.mark_good(name, self.deployed[name])
        self.answered[name].append(self.deployed[name])
        assert self.deployed[name] == self.answered[name][-1], "a configuration that answers stays"

    @rule(name=NAMES)
    def fails(self, name):
        mark_failed = self.deployed[name]
        back = self.rollback.mark_failed(name, mark_failed, "it broke")
        assert back == (self.deployed[name] != mark_failed), "a rollback is reported first, and then made"

    @precondition(lambda self: self.answered["churn"])
    @rule()
    def fails_again_and_again(self):
        for _ in range(3):
            self.rollback.mark_failed("churn", self.deployed["churn"], "it broke")
        assert self.deployed["churn"] == self.answered["churn"][-1], "it stays at the configuration that last answered"

    @invariant()
    def a_model_that_differs_from_the_wanted_one_has_answered_and_has_a_reason(self):
        target = self.rollback.applied_to(self.wanted)
        for name, deployed in applications(target).items():
            if name != "gateway":
                rolled_back = deployed != applications(self.wanted)[name]
                assert bool(catalogue(target)[name].refused) == rolled_back
                assert not rolled_back or deployed == self.answered[name][-1]


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=12)
