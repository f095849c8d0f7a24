"""Applying against a fake Serve: what is deployed, what stays, and what is rolled back."""

import pytest

from modelyard.control.applications import edge_models
from modelyard.control.apply import Applier, settled
from modelyard.control.plan import NeedsConfirmation
from modelyard.control.rollback import Rollback
from modelyard.control.status import Running
from modelyard.edge.model_maps import EdgeModel, render_maps
from tests.unit.control.models import applications, configured, details, refused, resolved
from tests.unit.control.serve import URLS, FakeServe, desired


@pytest.fixture
def serve() -> FakeServe:
    return FakeServe()


@pytest.fixture
def applier(serve: FakeServe) -> Applier:
    return Applier(serve, Rollback(), URLS)


def digest_of(serve: FakeServe, name: str) -> str:
    return applications(serve.deployed[-1])[name]["args"]["versions"][0]["digest"][7]


def test_what_does_not_differ_is_not_deployed_again(serve, applier):
    applier.apply(desired(resolved()))
    assert applier.apply(desired(resolved())) == ()
    assert len(serve.deployed) == 1


def test_a_version_that_fails_is_rolled_back_and_not_tried_again(serve, applier):
    applier.apply(desired(resolved(digests="g")))
    applier.check()
    applier.apply(desired(resolved(digests="b")))
    serve.failing["churn"] = "no"
    _, back = applier.check()
    assert back == ["churn"]
    assert digest_of(serve, "churn") == "g"
    serve.failing.clear()
    applier.apply(desired(resolved(digests="b")))
    assert digest_of(serve, "churn") == "g"
    applier.apply(desired(resolved(digests="c")))
    assert digest_of(serve, "churn") == "c"


def test_a_rejected_model_that_runs_stays_even_if_no_good_configuration_is_known(serve, applier):
    serve.deploy(configured(resolved(digests="r")))
    actions = applier.apply(desired(refused("version 2 is broken"), resolved("iris")))
    assert [(action.kind, action.model) for action in actions] == [("refuse", "churn"), ("add", "iris")]
    assert digest_of(serve, "churn") == "r"


def test_a_rejected_model_stays_as_it_runs_and_not_as_it_was_before(serve, applier):
    """Its new version answers, and Serve is still stopping the old replica, when the repository disappears."""
    applier.apply(desired(resolved(digests="g")))
    applier.check()
    applier.apply(desired(resolved(digests="n")))
    actions = applier.apply(desired(refused("there is no folder churn in the model repository")))
    assert [action.kind for action in actions] == ["refuse"]
    assert digest_of(serve, "churn") == "n"


def test_what_is_known_of_a_removed_model_is_discarded(serve, applier):
    applier.apply(desired(resolved(digests="g")))
    applier.check()
    applier.apply(desired(), allow_removals=True)
    applier.check()
    assert applier.rollback.good == {}
    applier.apply(desired(refused("still broken")))
    assert "churn" not in applications(serve.deployed[-1])


def test_a_plan_deploys_nothing(serve, applier):
    (action,) = applier.plan(desired(resolved()))
    assert (action.kind, action.model) == ("add", "churn")
    assert serve.deployed == []


def test_a_model_that_waits_for_resources_counts_as_settled_so_that_its_yaml_can_be_fixed(applier):
    waiting = (
        'Deployment "model" in application "churn" has 1 replicas that have taken more than 5s to be scheduled. '
        "This may be due to waiting for the cluster to auto-scale or for a runtime environment to be installed. "
        'Resources required for each replica: {"CPU": 8.0}, total resources available: {"CPU": 1.5}. '
        "Use `ray status` for more details."
    )
    (config,) = (each for each in configured(resolved())["applications"] if each["name"] == "churn")
    statuses = applier.statuses(Running({"churn": details(config, "DEPLOYING", {"STARTING": 1}, waiting)}))
    assert statuses[0].state == "LOADING"
    assert "lower resources.cpus" in statuses[0].reason
    assert settled(statuses)


def test_the_edge_has_each_models_route_and_timeout_and_whether_its_requests_may_be_sent_again():
    config = configured(resolved(), resolved("iris", route="/flowers/kind", retry="never", limits={"timeout_s": 2}))
    models = edge_models(config)
    assert models == {
        "churn": EdgeModel("/models/churn", 10.0),
        "iris": EdgeModel("/flowers/kind", 2.0, retries=False),
    }
    assert render_maps(models)["routes.map"] == "/flowers/kind/ iris\n"


def test_nothing_is_changed_where_most_models_would_be_removed_unless_it_is_confirmed(serve, applier):
    applier.apply(desired(resolved("a"), resolved("b"), resolved("c")))
    with pytest.raises(NeedsConfirmation, match="2 of the 3 models"):
        applier.apply(desired(resolved("a", "n"), resolved("d")))
    assert (serve.models, len(serve.deployed)) == (["a", "b", "c"], 1)
    assert "2 of the 3 models" in applier.withheld(desired(resolved("a")))
    assert [action.kind for action in applier.plan(desired(resolved("a")))] == ["remove", "remove"]
    applier.apply(desired(resolved("a")), allow_removals=True)
    assert serve.models == ["a"]


def test_models_of_another_configuration_in_the_same_serve_are_not_removed_without_a_confirmation(serve, applier):
    serve.deploy(configured(resolved("theirs")))
    with pytest.raises(NeedsConfirmation):
        applier.apply(desired(resolved("ours")))


def test_a_change_that_only_the_gateway_needs_to_know_is_deployed(serve, applier):
    applier.apply(desired(resolved()))
    assert applier.apply(desired(resolved(required=False))) == ()
    assert len(serve.deployed) == 2
    assert applier.running().configs == serve.running().configs


def test_a_failure_before_the_first_apply_is_noted_and_changes_nothing(serve, applier):
    serve.deploy(configured(resolved(digests="g")))
    applier.check()
    serve.deploy(configured(resolved(digests="b")))
    serve.failing["churn"] = "no"
    assert applier.check()[1] == ["churn"]
    assert digest_of(serve, "churn") == "b"


@pytest.mark.parametrize(
    ("message", "reason"), [("", "it did not start"), ("Error:\nno memory", "no memory")], ids=["no reason", "a reason"]
)
def test_a_model_that_is_rolled_back_says_why(serve, applier, message, reason):
    applier.apply(desired(resolved(digests="g")))
    applier.check()
    applier.apply(desired(resolved(digests="b")))
    serve.failing["churn"] = message
    applier.check()
    serve.failing.clear()
    [row] = applier.statuses(serve.running())
    assert row.reason == f"rolled back to the last good configuration: {reason}"


def test_the_target_is_announced_when_it_or_the_desired_state_changes(serve):
    announced = []
    applier = Applier(serve, Rollback(), URLS, on_target=lambda state, target: announced.append((state, target)))
    first, same = desired(resolved()), desired(resolved())
    for state in (first, first, same):
        applier.apply(state)
    assert [state for state, _ in announced] == [first, same]
    assert announced[0][1] == serve.deployed[0]
