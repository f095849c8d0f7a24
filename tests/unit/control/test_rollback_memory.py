"""What a rollback remembers of models that come and go, and what the gateway's configuration says of them."""

from modelyard.control.rollback import Rejected, Rollback, waiting_models
from tests.unit.control.models import application, applications, configured, resolved

CHURN, IRIS = application(resolved("churn", "g")), application(resolved("iris", "g"))
BAD = application(resolved("churn", "b"))


def remembered() -> Rollback:
    return Rollback(
        good={"churn": CHURN, "iris": IRIS},
        rejected={"churn": Rejected(BAD, "bad"), "iris": Rejected(BAD, "bad too")},
    )


def test_a_model_that_is_forgotten_starts_anew():
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
    [gateway] = [each for each in wanted["applications"] if each["name"] == "gateway"]
    entries = gateway["deployments"][0]["user_config"]["models"]
    assert waiting_models(applications(wanted)) == set()
    next(entry for entry in entries if entry["name"] == "iris")["waiting"] = True
    assert waiting_models(applications(wanted)) == {"iris"}
    assert waiting_models({}) == set()
