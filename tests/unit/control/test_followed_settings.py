"""What Serve gets has no settings of the gateway and of pools, and what it runs has them where they were."""

from modelyard.control.followed_settings import join, split
from modelyard.control.pools import fold, unfold
from modelyard.control.serve_config import ServeConfig, settings_of
from modelyard.control.status import Running
from tests.unit.control.models import applications, configured, details, pool, resolved
from tests.unit.control.pooled import SMALL

MIXED = configured(
    resolved("alone"),
    resolved("churn", "ba", pool="small", version_labels={"old": 1}),
    resolved("iris", pool="small"),
    pools=(pool("small"), pool("empty")),
)


def run_by_serve(config: ServeConfig) -> Running:
    return Running({each["name"]: details(each, "RUNNING", {"RUNNING": 1}) for each in config["applications"]})


def test_a_change_of_a_pools_models_or_of_the_catalogue_changes_nothing_for_serve() -> None:
    others = configured(
        resolved("alone", description="another"),
        resolved("churn", "c", pool="small"),
        resolved("wine", pool="small"),
        pools=(pool("small"), pool("empty")),
    )
    before, after = applications(split(fold(MIXED))[0]), applications(split(fold(others))[0])
    assert {name for name in before if before[name] != after[name]} == {"alone"}


def test_the_settings_of_a_model_alone_stay_where_serve_has_them() -> None:
    serve, settings = split(fold(MIXED))
    assert applications(serve)["alone"] == applications(MIXED)["alone"]
    assert settings.keys() == {"gateway", SMALL, "_pool.empty"}
    assert [*settings["gateway"]] == ["alone", "churn", "iris"]
    assert settings["_pool.empty"] == {}


def test_what_serve_runs_with_the_settings_is_what_was_wanted() -> None:
    serve, settings = split(fold(MIXED))
    running = unfold(join(run_by_serve(serve), settings), {})
    assert running.configs == applications(MIXED)
    assert [*running.pool_configs.values()] == MIXED["pools"]


def test_an_application_whose_settings_are_not_known_has_no_models() -> None:
    serve, _ = split(fold(MIXED))
    running = join(run_by_serve(serve), {})
    assert settings_of(running.configs[SMALL]) == {"models": {}}
    assert settings_of(running.configs["gateway"]) == {"models": []}


def test_an_application_that_serve_is_deleting_stays_as_it_is() -> None:
    gone = {**details(None, "DELETING", {"STOPPING": 1}), "deployed_app_config": None}
    assert join(Running({SMALL: gone}), {SMALL: {"churn": {}}}).applications == {SMALL: gone}
