"""The plan for pools and their models: in which pool, and what restarts."""

from typing import Any

import pytest

from modelyard.config.pool_spec import PoolSpec
from modelyard.control.plan import Action, plan
from modelyard.control.serve_config import ServeConfig
from tests.unit.control.models import configured, pool, resolved
from tests.unit.control.pooled import observed

A, B = (f"({letter * 8})" for letter in "ab")


def change(before: ServeConfig, after: ServeConfig) -> tuple[Action, ...]:
    """The plan where Serve runs `before`."""
    running = observed(before)
    return plan(running.configs, after, pools=running.pool_configs)


def small(*, digests: str = "a", **keys: Any) -> ServeConfig:
    """One model in a pool, which stays without it."""
    return configured(resolved("churn", digests, **{"pool": "small", **keys}), pools=(pool("large"), pool("small")))


def pools(*there: PoolSpec) -> ServeConfig:
    return configured(resolved("churn"), pools=there)


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        ((), (pool(),), Action("add", "pool small", "replicas 1")),
        (
            (),
            (pool(replicas={"min": 1, "max": 3, "target_in_flight": 4}),),
            Action("add", "pool small", "replicas 1 to 3 (target: 4 in flight)"),
        ),
        ((pool(),), (), Action("remove", "pool small", "not configured")),
        ((pool(),), (pool(memory="1GiB"),), Action("restart", "pool small", "memory 64.0 MiB -> 1.00 GiB")),
        ((pool(),), (pool(resources={"cpus": 2}),), Action("restart", "pool small", "cpus 1.0 -> 2.0")),
        ((pool(),), (pool(replicas=2),), Action("scale", "pool small", "replicas 1 -> 2 (applies in place)")),
        ((pool(),), (pool(load="lazy"),), None),
    ],
)
def test_pools(before: tuple[PoolSpec, ...], after: tuple[PoolSpec, ...], action: Action | None) -> None:
    assert change(pools(*before), pools(*after)) == ((action,) if action else ())


def test_a_pool_is_removed_with_its_models_in_one_plan_and_pools_come_first() -> None:
    assert change(configured(resolved("churn", pool="small")), configured()) == (
        Action("remove", "pool small", "not configured"),
        Action("remove", "churn", "not configured"),
    )
    assert change(configured(), configured(resolved("churn", pool="small"))) == (
        Action("add", "pool small", "replicas 1"),
        Action("add", "churn", f"version 1 {A}, in pool small"),
    )


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        ({}, {"digests": "ba"}, Action("load", "churn", f"version 1 {A} -> versions 2 {B}, 1 {A}")),
        ({}, {"retry": "never"}, Action("load", "churn", "retry always -> never")),
        (
            {},
            {"limits": {"timeout_s": 3}},
            Action("update", "churn", "limits.timeout_s 10.0 -> 3.0 (applies in place)"),
        ),
        ({}, {"pinned": True}, Action("update", "churn", "pinned False -> True (applies in place)")),
        ({}, {"load": "lazy"}, Action("update", "churn", "load eager -> lazy (applies in place)")),
        ({}, {"description": "x"}, Action("update", "churn", "description (applies in place)")),
        ({}, {"pool": "large"}, Action("move", "churn", "from pool small to pool large")),
        ({}, {"pool": None}, Action("move", "churn", "from pool small to replicas of its own")),
        ({"pool": None}, {"pool": "small"}, Action("move", "churn", "from replicas of its own to pool small")),
        ({}, {"pool": "large", "digests": "b"}, Action("move", "churn", "from pool small to pool large")),
    ],
)
def test_a_model_of_a_pool(before: dict[str, Any], after: dict[str, Any], action: Action) -> None:
    assert change(small(**before), small(**{**before, **after})) == (action,)


def test_a_change_of_the_pools_cores_loads_its_models_again() -> None:
    """They have as many threads."""
    model = resolved("churn", pool="small")
    before, after = (configured(model, pools=(pool(resources={"cpus": cpus}),)) for cpus in (1, 2))
    assert change(before, after) == (
        Action("restart", "pool small", "cpus 1.0 -> 2.0"),
        Action("load", "churn", "resources.cpus 1.0 -> 2.0"),
    )


def test_a_default_of_the_pool_applies_to_its_models() -> None:
    model = resolved("churn", pool="small")
    before, after = configured(model, pools=(pool(),)), configured(model, pools=(pool(load="lazy"),))
    assert change(before, after) == (Action("update", "churn", "load eager -> lazy (applies in place)"),)
