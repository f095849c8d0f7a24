"""A cycle of the reconciler reuses what has not changed, so that a thousand models of a pool cost little."""

import pickle

import pytest

from modelyard.control.apply import Applier
from modelyard.control.pools import fold, unfold
from modelyard.control.rollback import Rollback
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import KnownStatuses, Running, model_statuses
from modelyard.ray_serve.pool_report import ModelReport, PoolReports
from tests.unit.control.models import details, resolved
from tests.unit.control.pool_fleet import REPLICA, observed, pool, pooled_config, reports_of
from tests.unit.control.serve import URLS

CONFIG = pooled_config(resolved("a", pool="small"), resolved("b", pool="small"), resolved("alone"))


class Serve:
    """Sends what it runs as copies, as Ray does."""

    def __init__(self, config: ServeConfig = CONFIG) -> None:
        self.config = config
        self.reports = {REPLICA: {**reports_of(config)[REPLICA]}}
        self.replicas = {"RUNNING": 1}
        self.last: Running | None = None

    def running(self) -> Running:
        raw = {each["name"]: details(each, "RUNNING", self.replicas) for each in fold(self.config)["applications"]}
        reports: PoolReports = pickle.loads(pickle.dumps(self.reports))
        self.last = unfold(Running(pickle.loads(pickle.dumps(raw))), reports, self.last)
        return self.last


def test_details_of_what_has_not_changed_are_the_same_object():
    serve = Serve()
    first, second = serve.running(), serve.running()
    assert second.applications["a"] is first.applications["a"]
    assert second.applications["alone"] is not first.applications["alone"]
    assert second == first


def test_a_changed_report_changes_the_details_of_its_model_and_not_its_config():
    serve = Serve()
    first = serve.running()
    serve.reports[REPLICA]["a"] = ModelReport("COLD", serve.reports[REPLICA]["a"].fingerprint)
    second = serve.running()
    assert second.applications["a"]["residency"]["residency"] == "COLD"
    assert second.configs["a"] is first.configs["a"]
    assert second.applications["b"] is first.applications["b"]


@pytest.mark.parametrize(
    "change",
    [
        {"digests": "ba"},  # arguments
        {"limits": {"queue": 7}},  # settings
        {"pinned": True},
        {"load": "lazy"},
    ],
    ids=str,
)
def test_a_changed_configuration_is_seen(change: dict):
    serve = Serve()
    serve.running()
    digests = change.pop("digests", "a")
    serve.config = pooled_config(
        resolved("a", digests, pool="small", **change), resolved("b", pool="small"), resolved("alone")
    )
    found = serve.running()
    assert found.configs["a"] == unfold(observed(serve.config), serve.reports).configs["a"]
    assert found.configs["a"] != {each["name"]: each for each in CONFIG["applications"]}["a"]


def test_a_model_in_another_pool_is_seen():
    pools = (pool("small"), pool("other"))
    serve = Serve(pooled_config(resolved("a", pool="small"), pools=pools))
    serve.running()
    serve.config = pooled_config(resolved("a", pool="other"), pools=pools)
    assert serve.running().configs["a"]["pool"] == "_pool.other"


def test_another_replica_changes_the_details_of_every_model():
    serve = Serve()
    first = serve.running()
    serve.replicas = {"RUNNING": 2}
    serve.reports["1"] = {**serve.reports[REPLICA]}
    second = serve.running()
    assert len(second.applications["a"]["deployments"]["model"]["replicas"]) == 2
    assert second == unfold(
        Running({each["name"]: details(each, "RUNNING", {"RUNNING": 2}) for each in fold(CONFIG)["applications"]}),
        serve.reports,
    )
    assert second.applications["a"] is not first.applications["a"]


def test_a_row_is_made_again_when_its_details_or_its_reason_change():
    serve, known = Serve(), KnownStatuses()
    first = {row.name: row for row in model_statuses(serve.running(), {}, "http://x", known=known)}
    second = {row.name: row for row in model_statuses(serve.running(), {"b": "no folder"}, "http://x", known=known)}
    assert second["a"] is first["a"]
    assert second["b"].reason == "no folder"
    serve.reports[REPLICA]["a"] = ModelReport("COLD", serve.reports[REPLICA]["a"].fingerprint)
    third = {row.name: row for row in model_statuses(serve.running(), {}, "http://x", known=known)}
    assert (third["a"].residency, third["b"].reason) == ("COLD", "")
    assert [row.name for row in model_statuses(Running({}), {}, "http://x", known=known)] == []
    assert known == {}


def test_a_configuration_that_was_forgotten_is_marked_as_good_again():
    serve = Serve()
    applier = Applier(serve, Rollback(), URLS)  # type: ignore[arg-type]
    applier.check()
    assert applier.rollback.good.keys() == {"a", "b", "alone"}
    applier.rollback.forget_all_but({"b"})
    applier.check()
    assert applier.rollback.good.keys() == {"a", "b", "alone"}


def test_a_configuration_that_failed_and_serves_again_is_no_longer_rejected():
    serve = Serve()
    rollback = Rollback(good={"a": {"name": "another"}})
    applier = Applier(serve, rollback, URLS)  # type: ignore[arg-type]
    rollback.mark_failed("a", serve.running().configs["a"], "no such file")
    applier.check()
    assert rollback.rejected == {}


def test_the_gateways_catalogue_is_read_again_when_it_changes():
    serve = Serve()
    applier = Applier(serve, Rollback(), URLS)  # type: ignore[arg-type]
    assert {row.reason for row in applier.statuses(serve.running())} == {""}
    gateway, *others = CONFIG["applications"]
    (deployment,) = gateway["deployments"]
    entries = [{**each, "refused": "no folder"} for each in deployment["user_config"]["models"]]
    amended = {**gateway, "deployments": [{**deployment, "user_config": {"models": entries}}]}
    serve.config = {**CONFIG, "applications": [amended, *others]}
    assert {row.reason for row in applier.statuses(serve.running())} == {"no folder"}
