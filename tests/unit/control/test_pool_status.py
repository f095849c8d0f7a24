"""The state of pools and of their models, as `modelyard status` shows it."""

from modelyard.control.pool_status import PoolStatus, pool_statuses
from modelyard.control.pools import unfold
from modelyard.control.status import Running, model_statuses
from modelyard.ray_serve.pool_report import ModelReport
from tests.unit.control.models import details, resolved
from tests.unit.control.pool_fleet import MIB, observed, pool, pooled_config, running_pools

ORIGIN = "http://127.0.0.1:8000"


def test_a_pool_counts_its_models_and_their_memory():
    models = (*(resolved(name, pool="small") for name in ("a", "b", "c")), resolved("alone"))
    running = running_pools(pooled_config(*models), cold=frozenset("b"), more={"c": ModelReport("FAILED")})
    rows = model_statuses(running, {}, ORIGIN)
    assert pool_statuses(running, rows) == (
        PoolStatus("small", "READY", 1, 1, 3, 2, 1, 1, loading=0, failed=1, used_bytes=MIB, budget_bytes=512 * MIB),
    )


def test_pools_are_sorted_and_one_without_models_is_there():
    pools = (pool("z"), pool("b", memory=1024 * MIB))
    running = running_pools(pooled_config(resolved("a", pool="z"), pools=pools))
    found = pool_statuses(running, model_statuses(running, {}, ORIGIN))
    assert [(each.name, each.models, each.budget_bytes) for each in found] == [
        ("b", 0, 1024 * MIB),
        ("z", 1, 512 * MIB),
    ]


def test_a_row_names_the_pool_as_its_file_does():
    config = pooled_config(resolved("a", pool="small"), resolved("b", pool="small"), resolved("alone"))
    rows = model_statuses(running_pools(config, cold=frozenset("b")), {}, ORIGIN)
    assert [(row.name, row.state, row.pool, row.residency, row.resident_bytes) for row in rows] == [
        ("a", "READY", "small", "RESIDENT", MIB),
        ("alone", "READY", "", "", 0),
        ("b", "READY", "small", "COLD", 0),
    ]


def test_memory_is_that_of_the_replica_in_which_it_is_largest():
    config = pooled_config(resolved("a", pool="small"))
    running = running_pools(config, more={"a": ModelReport("RESIDENT", "other", resident_bytes=7 * MIB)})
    (found,) = pool_statuses(running, ())
    assert found.used_bytes == 7 * MIB


def test_a_pool_that_serve_is_deleting_has_no_state():
    pools = (pool("small"), pool("gone"))
    seen = observed(pooled_config(resolved("a", pool="small"), pools=pools))
    deleted = {**details(None, "DELETING", {"STOPPING": 1}), "deployed_app_config": None}
    running = unfold(Running({**seen.applications, "_pool.gone": deleted}), {})
    assert [each.name for each in pool_statuses(running, ())] == ["small"]
