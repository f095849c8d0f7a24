"""One step of a move, where the pools have several replicas: which place is kept, by what each replica reports."""

from collections.abc import Mapping

import pytest

from modelyard.control import moves
from modelyard.control.serve_config import ServeConfig
from modelyard.control.status import Running
from modelyard.ray_serve.pool_report import ModelReport
from tests.unit.control.models import applications, configured, pool, resolved
from tests.unit.control.pooled import SMALL, fingerprint, observed

POOLS = pool("small", replicas=2), pool("large", replicas=2)
IN_SMALL = configured(resolved("churn", pool="small"), pools=POOLS)
IN_LARGE = configured(resolved("churn", pool="large"), pools=POOLS)
ALONE = configured(resolved("churn"), pools=POOLS)
NOW = fingerprint(IN_SMALL)
UP, LOADING = ModelReport("RESIDENT", NOW), ModelReport("LOADING")
COLD, BROKEN = ModelReport("COLD", NOW), ModelReport("FAILED", rejected=NOW, reason="no such file")


def churn(config: ServeConfig) -> ServeConfig:
    """The model's application."""
    return applications(config)["churn"]


def moving(before: ServeConfig, after: ServeConfig) -> ServeConfig:
    """The config of Serve during a move."""
    return {**after, "leaving": [churn(before)]}


def seen(config: ServeConfig, *reports: ModelReport) -> Running:
    """Serve with two replicas of each pool, which report this of the model. Those of both pools have the same ids."""
    by_replica: Mapping[str, Mapping[str, ModelReport]] = {str(n): {"churn": each} for n, each in enumerate(reports)}
    return observed(config, by_replica, {"RUNNING": 2})


def kept(running: Running, wanted: ServeConfig, *, reached: bool = True) -> list[ServeConfig]:
    """The places of before that stay."""
    leaving: list[ServeConfig] = moves.with_places_of_before(running, wanted, lambda _: reached)["leaving"]
    return leaving


@pytest.mark.parametrize(
    ("reports", "arrived"),
    [
        ((UP, UP), True),
        ((UP, COLD), True),
        ((UP, LOADING), False),
        ((UP,), False),
        ((), False),
        ((UP, BROKEN), False),
        ((BROKEN, BROKEN), False),
    ],
)
def test_a_model_has_arrived_in_a_pool_when_every_replica_has_it(
    reports: tuple[ModelReport, ...], arrived: bool
) -> None:
    running = seen(moving(ALONE, IN_SMALL), *reports)
    assert moves.over(running, lambda _: True) is arrived
    assert kept(running, IN_SMALL) == ([] if arrived else [churn(ALONE)])


def test_a_model_has_not_arrived_before_the_load_balancer_knows_its_place() -> None:
    running = seen(moving(ALONE, IN_SMALL), UP, UP)
    assert not moves.over(running, lambda _: False)
    assert kept(running, IN_SMALL, reached=False) == [churn(ALONE)]
    asked: list[str] = []
    moves.over(running, lambda name: bool(asked.append(name)))
    assert asked == [SMALL]


@pytest.mark.parametrize(
    ("reports", "stays"),
    [((UP, UP), True), ((COLD, UP), True), ((UP, BROKEN), True), ((UP, LOADING), True), ((LOADING, BROKEN), False)],
)
def test_a_pool_is_kept_if_a_replica_can_answer(reports: tuple[ModelReport, ...], stays: bool) -> None:
    """Nothing else serves the model before it has arrived."""
    assert kept(seen(IN_SMALL, *reports), IN_LARGE) == ([churn(IN_SMALL)] if stays else [])


def test_a_place_that_serves_is_not_given_up_for_one_of_whose_replicas_none_reports() -> None:
    running = seen(moving(ALONE, IN_SMALL))
    assert kept(running, IN_LARGE) == [churn(ALONE)]
    assert kept(running, ALONE) == []


@pytest.mark.parametrize("reports", [(UP, LOADING), (UP, BROKEN)])
def test_a_place_where_every_replica_answers_is_preferred_to_one_where_some_do(
    reports: tuple[ModelReport, ...],
) -> None:
    running = seen(moving(ALONE, IN_SMALL), *reports)
    assert kept(running, IN_LARGE) == [churn(ALONE)], "it moves on"
    assert kept(running, ALONE) == [], "it goes back"


def test_a_place_where_some_replicas_answer_is_preferred_to_one_where_none_does() -> None:
    running = seen(moving(ALONE, IN_SMALL), UP, BROKEN)
    running.leaving["churn"]["deployments"]["model"]["replicas"] = []
    running.leaving["churn"]["status"] = "UNHEALTHY"
    assert kept(running, IN_SMALL) == []
    assert kept(running, IN_LARGE) == [churn(IN_SMALL)]
    assert kept(running, ALONE) == [churn(IN_SMALL)]


def test_a_model_that_does_not_move_leaves_nothing() -> None:
    for config in (ALONE, IN_SMALL):
        running = seen(config, UP, UP)
        assert kept(running, config) == []
        assert not moves.over(running, lambda _: True)


def test_the_application_that_serve_is_deleting_after_a_move_starts_no_other_one() -> None:
    running = seen(moving(ALONE, IN_SMALL), UP, UP)
    running.leaving["churn"].update(status="DELETING", deployed_app_config=None)
    assert not moves.over(running, lambda _: True)
    assert kept(running, IN_SMALL) == []


def test_a_pool_that_is_not_configured_stays_while_a_model_is_there() -> None:
    only_large = configured(resolved("churn", pool="large"))
    target = moves.with_places_of_before(seen(IN_SMALL, UP, UP), only_large, lambda _: True)
    assert [each["name"] for each in target["pools"]] == ["_pool.large", SMALL]
    assert target["pools"][1] == IN_SMALL["pools"][1]
