"""The row of a model in a pool, from what the replicas of its pool report."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import ModelStatus, model_statuses
from modelyard.ray_serve.pool_report import ModelReport, PoolReports
from tests.unit.control.models import applications, configured, resolved
from tests.unit.control.pooled import CHURN, fingerprint, observed

ORIGIN = "http://127.0.0.1:8000"
NOW, BEFORE = fingerprint(CHURN), fingerprint(configured(resolved("churn", "z", pool="small")))
UP, COLD = ModelReport("RESIDENT", NOW, resident_bytes=7), ModelReport("COLD", NOW)
LOADING, OLD_UP = ModelReport("LOADING"), ModelReport("RESIDENT", BEFORE)
OLD_UP_NEW_BROKEN = ModelReport("RESIDENT", BEFORE, rejected=NOW, reason="no such file")
BROKEN = ModelReport("FAILED", rejected=NOW, reason="no such file")
WAITS = (
    "Deployment 'model' has 1 replicas that have taken more than 30s to be scheduled. Resources required for each replica: "
    '{"CPU": 64.0}, total resources available: {"CPU": 1.0}'
)


def status(reports: PoolReports, config: ServeConfig = CHURN, **more: Any) -> ModelStatus:
    (only,) = model_statuses(observed(config, reports, **more), {}, ORIGIN)
    return only


def by_replica(*reports: ModelReport | None) -> dict[str, Mapping[str, ModelReport]]:
    """None is a replica that has not reported yet."""
    return {str(number): {"churn": report} for number, report in enumerate(reports) if report}


def test_a_loaded_model_has_everything_in_its_row() -> None:
    assert status(by_replica(UP, UP), replicas={"RUNNING": 2}) == ModelStatus(
        name="churn",
        state="READY",
        versions=("1",),
        digest=f"sha256:{'a' * 64}",
        runtime="onnx",
        replicas=2,
        replicas_wanted=2,
        url=f"{ORIGIN}/models/churn/predict",
        reason="",
        changing=False,
        default="1",
        pool="small",
        residency="RESIDENT",
        resident_bytes=7,
    )


@pytest.mark.parametrize(
    ("reports", "state", "replicas", "changing", "reason"),
    [
        ((UP, UP), "READY", 2, False, ""),
        ((COLD, COLD), "READY", 2, False, ""),
        ((UP, LOADING), "READY", 1, True, ""),
        ((UP, None), "READY", 1, True, ""),
        ((OLD_UP, OLD_UP), "READY", 2, True, ""),
        ((UP, OLD_UP), "READY", 2, True, ""),
        ((LOADING, LOADING), "LOADING", 0, True, ""),
        ((None, None), "LOADING", 0, True, ""),
        ((OLD_UP_NEW_BROKEN, UP), "READY", 2, False, "no such file"),
        ((OLD_UP_NEW_BROKEN, OLD_UP_NEW_BROKEN), "READY", 2, False, "no such file"),
        ((BROKEN, LOADING), "UNAVAILABLE", 0, False, "no such file"),
        ((BROKEN, BROKEN), "UNAVAILABLE", 0, False, "no such file"),
    ],
)
def test_its_state_is_that_of_all_replicas(
    reports: tuple[ModelReport | None, ...], state: str, replicas: int, changing: bool, reason: str
) -> None:
    row = status(by_replica(*reports), replicas={"RUNNING": 2})
    assert (row.state, row.replicas, row.changing, row.reason) == (state, replicas, changing, reason)


def test_a_version_that_was_rejected_before_the_current_one_is_not_its_problem() -> None:
    row = status(by_replica(ModelReport("RESIDENT", NOW, rejected=BEFORE, reason="no such file")))
    assert (row.state, row.reason, row.changing) == ("READY", "", False)


def test_reports_of_dead_replicas_are_ignored() -> None:
    row = status({"0": {"churn": LOADING}, "dead": {"churn": UP}})
    assert (row.state, row.replicas, row.residency) == ("LOADING", 0, "LOADING")
    row = status({"0": {"churn": UP}, "dead": {"churn": BROKEN}})
    assert (row.state, row.reason) == ("READY", "")


def test_a_replica_that_starts_or_stops_does_not_count() -> None:
    row = status(by_replica(UP, LOADING, BROKEN), replicas={"RUNNING": 1, "STARTING": 1, "STOPPING": 1})
    assert (row.state, row.replicas, row.changing, row.reason) == ("READY", 1, False, "")


def test_residency_is_that_of_the_replica_where_the_model_is_furthest() -> None:
    assert status(by_replica(COLD, UP), replicas={"RUNNING": 2}).residency == "RESIDENT"
    assert status(by_replica(COLD, LOADING), replicas={"RUNNING": 2}).residency == "LOADING"
    assert status(by_replica(COLD, BROKEN), replicas={"RUNNING": 2}).residency == "COLD"
    assert status({}).residency == ""


@pytest.mark.parametrize(
    ("serve", "message", "state", "reason"),
    [
        ("DEPLOYING", "", "LOADING", ""),
        ("DEPLOYING", WAITS, "LOADING", "insufficient resources for a replica that needs 64 CPU (1 CPU free)"),
        ("DEPLOY_FAILED", "Error:\nActorDiedError()", "UNAVAILABLE", "the replica's process died while it started"),
        ("UNHEALTHY", "", "LOADING", ""),
    ],
)
def test_a_pool_without_a_replica_gives_its_reason(serve: str, message: str, state: str, reason: str) -> None:
    row = status({"dead": {"churn": UP}}, status=serve, message=message, replicas={"STARTING": 1})
    assert (row.state, row.replicas) == (state, 0)
    assert row.reason.startswith(reason) if reason else row.reason == ""


def test_a_pool_that_failed_is_no_reason_to_roll_its_models_back() -> None:
    seen = observed(CHURN, {}, {"STARTING": 1}, status="DEPLOY_FAILED", message="Error:\nActorDiedError()")
    assert seen.applications["churn"]["status"] == "DEPLOYING"


def test_a_model_that_moves_is_ready_while_its_old_place_serves() -> None:
    alone = configured(resolved("churn"))
    moving = {**CHURN, "leaving": [applications(alone)["churn"]]}
    row = status(by_replica(LOADING), moving)
    assert (row.state, row.replicas, row.pool, row.changing) == ("READY", 1, "small", True)
