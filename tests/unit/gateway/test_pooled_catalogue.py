"""Models of pools in the gateway's catalogue: their state is that of all replicas of the pool."""

import pytest

from modelyard.gateway.catalogue import ModelEntry, build_catalogue, models_with_replicas, not_ready, required_not_ready
from modelyard.ray_serve.application_status import Deployed
from modelyard.ray_serve.pool_report import ModelReport
from tests.unit.control.models import catalogue, configured, resolved
from tests.unit.control.pooled import SMALL, fingerprint

CONFIG = configured(resolved("churn", pool="small"), resolved("iris", pool="small"), resolved("alone"))
CONFIGURED = [*catalogue(CONFIG).values()]
NOW = fingerprint(CONFIG)
UP, COLD = ModelReport("RESIDENT", NOW), ModelReport("COLD", NOW)
LOADING, OLD_UP = ModelReport("LOADING"), ModelReport("RESIDENT", "before")
BROKEN = ModelReport("FAILED", rejected=NOW, reason="no such file")
OLD_UP_NEW_BROKEN = ModelReport("RESIDENT", "before", rejected=NOW, reason="no such file")


def entries(*reports: ModelReport, pool: Deployed | None = None) -> dict[str, ModelEntry]:
    """With these reports of churn, each from one of the two replicas of the pool."""
    deployed = {SMALL: pool or Deployed("RUNNING", {"RUNNING": 2}), "alone": Deployed("RUNNING", {"RUNNING": 1})}
    return build_catalogue(CONFIGURED, deployed, {str(n): {"churn": each} for n, each in enumerate(reports)})


@pytest.mark.parametrize(
    ("reports", "state", "reason"),
    [
        ((UP, UP), "READY", ""),
        ((COLD, UP), "READY", ""),
        ((UP, LOADING), "READY", ""),
        ((OLD_UP, OLD_UP), "READY", ""),
        ((LOADING, LOADING), "LOADING", ""),
        ((), "LOADING", ""),
        ((OLD_UP_NEW_BROKEN, OLD_UP), "READY", "no such file"),
        ((BROKEN, BROKEN), "UNAVAILABLE", "no such file"),
    ],
)
def test_a_model_has_the_state_that_its_replicas_report(
    reports: tuple[ModelReport, ...], state: str, reason: str
) -> None:
    churn = entries(*reports)["churn"]
    assert (churn.state, churn.reason, churn.scaled_to_zero, churn.application) == (state, reason, False, SMALL)
    assert ("churn" in required_not_ready(entries(*reports))) is (state != "READY")


def test_without_a_replica_of_its_pool_a_model_is_not_ready_whatever_dead_ones_have_reported() -> None:
    found = entries(UP, pool=Deployed("DEPLOYING", {"STARTING": 1}))["churn"]
    assert (found.state, str(not_ready(found))) == ("LOADING", "model 'churn' is LOADING")
    found = entries(UP, pool=Deployed("DEPLOY_FAILED", {}, "Error:\nActorDiedError()"))["churn"]
    assert found.state == "UNAVAILABLE"
    assert "process died while it started" in found.reason


def test_a_model_whose_pool_is_not_there_is_unavailable() -> None:
    assert build_catalogue(CONFIGURED, {}, {"0": {"churn": UP}})["churn"].state == "UNAVAILABLE"


def test_models_with_replicas_are_listed_by_application() -> None:
    reports = {"0": {"churn": UP, "iris": ModelReport("COLD", fingerprint(CONFIG, "iris"))}}
    deployed = {SMALL: Deployed("RUNNING", {"RUNNING": 1}), "alone": Deployed("RUNNING", {"RUNNING": 1})}
    found = models_with_replicas(build_catalogue(CONFIGURED, deployed, reports))
    assert found == {SMALL: ["churn", "iris"], "alone": ["alone"]}
