"""Applying against a Serve of our own: what is deployed, what is kept, and what is gone back from."""

from pathlib import Path
from typing import Any

import pytest

from deployments.control.applications import ServeConfig, custom_routes
from deployments.control.apply import Applier, settled
from deployments.control.desired import Desired
from deployments.control.look import Front
from deployments.control.rollback import Rollback
from deployments.control.running import Running
from deployments.repository.resolve import Refused, Resolved
from deployments.spec.load import Config
from deployments.spec.model import ModelSpec
from deployments.spec.server import ServerSpec
from tests.unit.control.models import ROOT, applications, configured, details, refused, resolved

FRONT = Front(inside="http://127.0.0.1:9000", outside="http://127.0.0.1:8000")


class FakeServe:
    """Takes every config at once; each application is as the test says."""

    def __init__(self) -> None:
        self.deployed: list[ServeConfig] = []
        self.failing: dict[str, str] = {}

    def deploy(self, config: ServeConfig) -> None:
        self.deployed.append(config)

    def running(self) -> Running:
        now = applications(self.deployed[-1]) if self.deployed else {}
        return Running({name: self._details(name, config) for name, config in now.items()})

    def _details(self, name: str, config: ServeConfig) -> dict[str, Any]:
        if name in self.failing:
            return details(config, "DEPLOY_FAILED", {"RUNNING": 1}, self.failing[name])
        return details(config, "RUNNING", {"RUNNING": 1})


@pytest.fixture
def serve() -> FakeServe:
    return FakeServe()


@pytest.fixture
def applier(serve: FakeServe) -> Applier:
    return Applier(serve, Rollback(), FRONT)


def desired(*models: Resolved | tuple[ModelSpec, Refused]) -> Desired:
    outcomes = [(model.spec, model) if isinstance(model, Resolved) else model for model in models]
    specs = tuple(spec for spec, _ in outcomes)
    sources = {spec.name: Path(f"serve_config/models/{spec.name}.yaml") for spec in specs}
    return Desired(Config(ServerSpec(), specs, sources, ROOT), tuple(outcome for _, outcome in outcomes), None)


def digest_of(serve: FakeServe, name: str) -> str:
    return applications(serve.deployed[-1])[name]["args"]["versions"][0][1][7]


def test_what_does_not_differ_is_not_deployed_again(serve, applier):
    applier.apply(desired(resolved()))
    assert applier.apply(desired(resolved())) == ()
    assert len(serve.deployed) == 1


def test_a_version_that_fails_is_gone_back_from_and_not_tried_again(serve, applier):
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


def test_a_refused_model_that_runs_is_kept_even_where_nothing_is_remembered_of_it(serve, applier):
    serve.deploy(configured(resolved(digests="r")))
    actions = applier.apply(desired(refused("version 2 is broken"), resolved("iris")))
    assert [(action.kind, action.model) for action in actions] == [("refuse", "churn"), ("add", "iris")]
    assert digest_of(serve, "churn") == "r"


def test_a_model_that_was_taken_out_starts_anew_when_it_comes_back(serve, applier):
    applier.apply(desired(resolved(digests="g")))
    applier.check()
    applier.apply(desired())
    applier.check()
    assert applier.rollback.good == {}
    applier.apply(desired(refused("still broken")))
    assert "churn" not in applications(serve.deployed[-1])


def test_a_plan_deploys_nothing(serve, applier):
    (action,) = applier.plan(desired(resolved()))
    assert (action.kind, action.model) == ("add", "churn")
    assert serve.deployed == []


def test_a_model_without_room_is_settled_so_that_its_yaml_can_be_mended(applier):
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


def test_only_routes_that_names_do_not_tell_are_custom():
    config = configured(resolved(), resolved("iris", route="/flowers/kind"))
    assert custom_routes(config) == {"/flowers/kind": "iris"}
