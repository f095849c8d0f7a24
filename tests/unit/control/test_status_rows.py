"""Rows of `modelyard status` for models that do not run."""

from modelyard.control.status import ModelStatus, deployed, model_statuses
from modelyard.ray_serve.application_status import WAITING_TO_LOAD
from tests.unit.control.models import application, details, resolved, running

ORIGIN = "http://127.0.0.1:8000"


def test_a_model_that_waits_for_others_is_loading():
    [row] = model_statuses(running(), {}, ORIGIN, waiting=["churn"])
    assert row == ModelStatus("churn", "LOADING", (), "", "", 0, 0, "", WAITING_TO_LOAD, changing=True)


def test_a_model_that_runs_and_waits_for_a_change_has_its_own_row():
    found = details(application(resolved("churn")), "RUNNING", {"RUNNING": 1})
    [row] = model_statuses(running(found), {}, ORIGIN, waiting=["churn"])
    assert (row.state, row.replicas, row.reason) == ("READY", 1, "")


def test_a_model_that_was_rejected_and_never_ran_is_unavailable():
    [row] = model_statuses(running(), {"churn": "no folder"}, ORIGIN)
    assert row == ModelStatus("churn", "UNAVAILABLE", (), "", "", 0, 0, "", "no folder", changing=False)


def test_all_models_are_listed_by_name():
    found = details(application(resolved("iris")), "RUNNING", {"RUNNING": 1})
    rows = model_statuses(running(found), {"zen": "no folder"}, ORIGIN, waiting=["churn"])
    assert [(row.name, row.state) for row in rows] == [("churn", "LOADING"), ("iris", "READY"), ("zen", "UNAVAILABLE")]


def test_a_deployment_without_a_message_leaves_that_of_the_application():
    found = details(application(resolved("churn")), "DEPLOY_FAILED")
    found["message"] = "the application's own"
    assert deployed(found).message == "the application's own"
    found["deployments"]["model"]["message"] = "the deployment's"
    found["deployments"]["other"] = {**found["deployments"]["model"], "message": ""}
    assert deployed(found).message == "the deployment's"


def test_the_deployed_configs_and_the_applications_that_are_being_built_are_named():
    iris, churn = application(resolved("iris")), application(resolved("churn"))
    observed = running(details(iris), details(churn, "DEPLOYING"))
    assert observed.configs == {"iris": iris, "churn": churn}
    assert observed.building == ["churn"]
    unknown = running(details(None))
    assert (unknown.configs, unknown.building) == ({}, [])
