"""A row of `modelyard status`, from Serve's status of an application."""

from enum import Enum

import pytest

from modelyard.control.status import ModelStatus, Running, deployed, model_statuses
from tests.unit.control.models import application, configured, details, resolved, running

ORIGIN = "http://127.0.0.1:8000"
FAILED = "A replica failed to start with exception. Retrying 1 more time(s). Error:\nActorDiedError()"
DIED = "the replica's process died while it started (out of memory, or killed)"


class ReplicaState(str, Enum):  # noqa: UP042 - a StrEnum prints as its value, and would hide the mistake
    """Like Serve's own, a string that prints as `ReplicaState.RUNNING`."""

    RUNNING = "RUNNING"


def status(result: dict[str, object], refused: str = "") -> ModelStatus:
    (only,) = model_statuses(running(result), {"churn": refused} if refused else {}, ORIGIN)
    return only


def test_a_running_model_has_everything_in_its_row():
    churn = application(resolved("churn", "ba", replicas={"min": 1, "max": 3}))
    assert status(details(churn, "RUNNING", {"RUNNING": 2})) == ModelStatus(
        name="churn",
        state="READY",
        versions=("2", "1"),
        digest=f"sha256:{'b' * 64}",
        runtime="onnx",
        replicas=2,
        replicas_wanted=2,
        url=f"{ORIGIN}/models/churn/predict",
        reason="",
        changing=False,
        default="2",
    )


def test_the_default_version_is_shown_first():
    churn = application(resolved("churn", "cba", default=2, version_labels={"old": 1}))
    row = status(details(churn, "RUNNING", {"RUNNING": 1}))
    assert (row.default, row.versions, row.default_first) == ("2", ("3", "2", "1"), ("2", "3", "1"))


def test_states_may_come_as_members_of_serves_enumerations():
    result = details(application(resolved()), ReplicaState.RUNNING)  # type: ignore[arg-type]
    result["deployments"]["model"]["replicas"] = [{"state": ReplicaState.RUNNING}, {"state": "STARTING"}]
    seen = deployed(result)
    assert (seen.status, dict(seen.replica_states)) == ("RUNNING", {"RUNNING": 1, "STARTING": 1})


@pytest.mark.parametrize(
    ("serve", "replicas", "message", "expected"),
    [
        ("DEPLOYING", {"STARTING": 1}, "", ("LOADING", True, "")),
        ("DEPLOYING", {"RUNNING": 1, "STARTING": 1}, "", ("READY", True, "")),
        ("DEPLOYING", {"STARTING": 1}, FAILED, ("UNAVAILABLE", False, DIED)),
        ("DEPLOY_FAILED", {"RUNNING": 1}, FAILED, ("READY", False, DIED)),
        ("RUNNING", {}, "", ("READY", False, "")),
        ("DELETING", {"STOPPING": 1}, "", ("UNAVAILABLE", True, "")),
    ],
)
def test_the_row_has_the_state_whether_a_change_is_under_way_and_the_reason(serve, replicas, message, expected):
    row = status(details(application(resolved()), serve, replicas, message))
    assert (row.state, row.changing, row.reason) == expected


def test_a_model_without_room_is_not_waited_for():
    message = (
        "Deployment 'model' in application 'churn' has 1 replicas that have taken more than 5s to be scheduled. Resources "
        'required for each replica: {"CPU": 64.0}, total resources available: {"CPU": 2.0}. Use `ray status`.'
    )
    row = status(details(application(resolved()), "DEPLOYING", {"STARTING": 1}, message))
    assert (row.state, row.changing) == ("LOADING", False)
    assert row.reason.startswith("insufficient resources for a replica that needs 64 CPU (2 CPU free)")


def test_the_reason_for_which_the_files_were_rejected_comes_first():
    assert status(details(application(resolved()), "DEPLOY_FAILED", {}, FAILED), "no folder").reason == "no folder"


def test_a_rejected_model_that_never_ran_is_unavailable():
    (row,) = model_statuses(running(), {"churn": "no folder"}, ORIGIN)
    assert (row.state, row.reason, row.url, row.versions) == ("UNAVAILABLE", "no folder", "", ())


def test_the_url_is_known_before_serve_has_built_the_application():
    result = details(application(resolved(route="/who")), "DEPLOYING") | {"route_prefix": None, "deployments": {}}
    assert status(result).url == f"{ORIGIN}/who/predict"


def test_an_application_on_its_way_out_has_no_config_any_more():
    result = details(None, "DELETING")
    row = status(result)
    assert (row.url, row.versions, row.runtime) == ("", (), "")


def test_the_reason_of_a_failed_build_is_the_applications_own_message():
    result = details(application(resolved()), "DEPLOY_FAILED") | {
        "message": "Error:\nno such module",
        "deployments": {},
    }
    assert status(result).reason == "no such module"


def test_rows_come_by_name_and_the_gateway_has_none():
    config = configured(resolved("iris"), resolved("churn"))
    result = [details(each) for each in config["applications"]]
    rows = model_statuses(running(*result), {"b": "no folder"}, ORIGIN)
    assert [row.name for row in rows] == ["b", "churn", "iris"]


def test_a_row_is_plain_values_for_programs():
    assert status(details(application(resolved()))).as_json()["versions"] == ("1",)


def unlisted(status: str) -> Running:
    """Serve lists no deployments of an application while it builds it, or after it could not."""
    return running({**details(None, status), "deployments": {}})


@pytest.mark.parametrize("status", ["DEPLOYING", "DEPLOY_FAILED"])
def test_a_model_whose_new_version_is_being_built_is_ready_with_the_replicas_of_the_old_one(status):
    up = running(details(None, replicas={"RUNNING": 2}))
    (row,) = model_statuses(unlisted(status).after(unlisted(status).after(up)), {}, ORIGIN)
    assert (row.state, row.replicas, row.replicas_wanted) == ("READY", 2, 2)


def test_a_model_that_is_built_for_the_first_time_is_loading():
    (row,) = model_statuses(unlisted("DEPLOYING").after(running()), {}, ORIGIN)
    assert (row.state, row.replicas) == ("LOADING", 0)


def test_a_model_that_lost_its_replicas_is_as_serve_says_now():
    up = running(details(None, replicas={"RUNNING": 2}))
    (row,) = model_statuses(running(details(None, "UNHEALTHY", {"STARTING": 1})).after(up), {}, ORIGIN)
    assert (row.state, row.replicas) == ("UNAVAILABLE", 0)
