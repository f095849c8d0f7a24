"""What a rollback stores of models that are added and removed, and what the gateway's configuration has of them."""

from modelyard.control.catalogue_entries import amend_catalogue, running_catalogue
from modelyard.control.rollback import Rejected, Rollback, rejection_reasons, waiting_models
from tests.unit.control.models import application, applications, configured, deployment, refused, resolved

CHURN, IRIS = application(resolved("churn", "g")), application(resolved("iris", "g"))
BAD = application(resolved("churn", "b"))


def remembered() -> Rollback:
    return Rollback(
        good={"churn": CHURN, "iris": IRIS},
        rejected={"churn": Rejected(BAD, "bad"), "iris": Rejected(BAD, "bad too")},
    )


def test_a_model_that_was_dropped_starts_without_a_history():
    rollback = remembered()
    rollback.forget_all_but({"churn"})
    assert rollback == Rollback(good={"churn": CHURN}, rejected={"churn": Rejected(BAD, "bad")})
    rollback.forget_all_but(())
    assert rollback == Rollback()


def test_a_copy_is_equal_and_changes_alone():
    rollback = remembered()
    copy = rollback.copy()
    assert copy == rollback
    copy.forget_all_but(())
    assert rollback == remembered()


def test_the_models_that_wait_are_those_that_the_gateways_configuration_marks():
    wanted = configured(resolved("churn"), resolved("iris"))
    gateway = applications(wanted)["gateway"]
    assert waiting_models(running_catalogue({"gateway": gateway})) == set()
    waiting = amend_catalogue(gateway, lambda entry: entry.amended(waiting=entry.name == "iris"))
    assert waiting_models(running_catalogue({"gateway": waiting})) == {"iris"}
    assert waiting_models(running_catalogue({})) == set()


def test_a_catalogue_of_another_release_has_no_reasons_and_no_waiting_models():
    """On a cluster, an earlier release's gateway may still run."""
    running = applications(configured(refused("no folder")))
    assert rejection_reasons(running_catalogue(running)) == {"churn": "no folder"}
    deployment(running["gateway"])["user_config"]["models"][0]["of another release"] = 1
    assert rejection_reasons(running_catalogue(running)) == {}
    assert waiting_models(running_catalogue(running)) == set()
