"""The config of models in pools as Serve gets it, and back from what Serve runs."""

import json

from modelyard.control.plan import plan
from modelyard.control.pools import LEAVING, fold, last_reports, unfold
from modelyard.control.serve_config import settings_of
from modelyard.control.status import Running, model_statuses
from modelyard.ray_serve.application import PoolArgs, PoolMember
from tests.unit.control.models import application, applications, configured, details, pool, resolved
from tests.unit.control.pooled import CHURN, SMALL, fingerprint, loaded, observed

MIXED = configured(
    resolved("alone"),
    resolved("churn", "ba", pool="small", route="/who", version_labels={"old": 1}, pinned=True),
    resolved("iris", pool="small", load="lazy"),
    resolved("wine", pool="large", limits={"timeout_s": 3}),
    pools=(pool("small", replicas={"min": 1, "max": 3}, resources={"cpus": 2}), pool("empty")),
)


def test_what_serve_runs_is_what_was_wanted_field_by_field() -> None:
    running = observed(MIXED, loaded(MIXED))
    assert running.configs == applications(MIXED)
    assert [*running.pool_configs.values()] == MIXED["pools"]
    assert running.leaving == {}
    assert plan(running.configs, MIXED, pools=running.pool_configs) == ()


def test_the_config_survives_the_json_of_serve() -> None:
    back = json.loads(json.dumps(fold(MIXED)))
    assert back == fold(MIXED)
    raw = Running({each["name"]: details(each) for each in back["applications"]})
    assert unfold(raw, {}).configs == applications(MIXED)


def test_serve_gets_an_application_for_each_model_alone_and_each_pool() -> None:
    folded = applications(fold(MIXED))
    assert [*folded] == ["gateway", "alone", "_pool.empty", "_pool.large", "_pool.small"]
    assert folded["alone"] == application(resolved("alone"))
    assert [*settings_of(folded[SMALL])["models"]] == ["churn", "iris"]
    assert settings_of(folded["_pool.empty"]) == {"models": {}}
    assert {*fold(MIXED)} == {"applications", "proxy_location"}


def test_a_replica_can_read_its_pool() -> None:
    small = applications(fold(MIXED))[SMALL]
    assert PoolArgs.from_plain(small["args"]).cpus == 2
    churn = settings_of(small)["models"]["churn"]
    assert churn["fingerprint"] == PoolMember.fingerprint(churn["args"])
    member = PoolMember.from_plain({key: value for key, value in churn.items() if key != "fingerprint"})
    assert (member.args.spec.name, member.pinned, member.load) == ("churn", True, "eager")
    assert member.args.spec.resources.cpus == 2, "the threads of its pool"
    assert settings_of(small)["models"]["iris"]["load"] == "lazy"


def test_adding_a_model_to_a_pool_leaves_its_arguments_as_they_are() -> None:
    one = applications(fold(CHURN))[SMALL]
    two = applications(fold(configured(resolved("churn", pool="small"), resolved("iris", pool="small"))))[SMALL]
    assert one["args"] == two["args"]
    assert {key for key in one if one[key] != two[key]} == {"deployments"}
    (before,), (after,) = one["deployments"], two["deployments"]
    assert {key for key in before if before[key] != after[key]} == {"user_config"}


def test_a_fingerprint_changes_with_what_answers_and_not_with_settings() -> None:
    same = configured(resolved("churn", pool="small", limits={"timeout_s": 3}, pinned=True))
    assert fingerprint(same) == fingerprint(CHURN)
    assert fingerprint(configured(resolved("churn", "b", pool="small"))) != fingerprint(CHURN)


def test_a_place_that_is_left_is_known_in_either_form() -> None:
    """A pool marks it; an application of the model's own is there beside the entry in the pool."""
    alone, in_pool = configured(resolved("churn")), CHURN
    moves_in = {**in_pool, "leaving": [applications(alone)["churn"]]}
    running = observed(moves_in)
    assert running.configs["churn"] == applications(in_pool)["churn"]
    assert running.leaving_configs == {"churn": applications(alone)["churn"]}
    moves_out = {**alone, "pools": in_pool["pools"], "leaving": [applications(in_pool)["churn"]]}
    assert settings_of(applications(fold(moves_out))[SMALL])["models"]["churn"][LEAVING] is True
    running = observed(moves_out)
    assert running.configs["churn"] == applications(alone)["churn"]
    assert running.leaving_configs == {"churn": applications(in_pool)["churn"]}


def test_an_application_that_serve_is_deleting_is_no_place_and_its_replicas_are_still_seen() -> None:
    raw = {each["name"]: details(each) for each in fold(CHURN)["applications"]}
    raw["churn"] = details(None, "DELETING", {"STOPPING": 1})
    running = unfold(Running(raw), loaded(CHURN))
    assert running.configs["churn"] == applications(CHURN)["churn"]
    assert running.leaving_configs == {}
    assert running.with_replicas["churn"] is raw["churn"]


def test_a_pool_that_serve_is_deleting_is_no_model() -> None:
    raw = {each["name"]: details(each) for each in fold(configured())["applications"]}
    raw[SMALL] = {**details(None, "DELETING", {"STOPPING": 1}), "deployed_app_config": None}
    running = unfold(Running(raw), {})
    assert (running.pool_configs, [*running.configs]) == ({}, ["gateway"])
    assert model_statuses(running, {}, "http://x") == ()
    assert [*running.with_replicas] == ["gateway", SMALL]


def test_the_last_report_of_a_replica_counts_as_long_as_serve_has_the_replica() -> None:
    def raw(*ids: str) -> Running:
        small = details(applications(fold(CHURN))[SMALL], replicas={"RUNNING": len(ids)})
        for replica, name in zip(small["deployments"]["model"]["replicas"], ids, strict=True):
            replica["replica_id"] = name
        return Running({SMALL: small})

    first, second = loaded(CHURN, "a", "b", "dead"), loaded(CHURN, "b", loads=2)
    known = last_reports({}, first, raw("a", "b"))
    assert known == loaded(CHURN, "a", "b")
    assert last_reports(known, {}, raw("a", "b")) == known, "the hub has just started"
    assert last_reports(known, second, raw("a", "b")) == {**known, **second}
    assert last_reports(known, {}, raw("b")) == loaded(CHURN, "b")


def test_a_pool_without_models_runs_and_has_no_row() -> None:
    empty = configured(pools=(pool("small"),))
    running = observed(empty)
    assert plan(running.configs, empty, pools=running.pool_configs) == ()
    assert model_statuses(running, {}, "http://x") == ()
    assert [*running.with_replicas] == ["gateway", SMALL]
