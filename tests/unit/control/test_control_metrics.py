"""The reconciler's own metrics."""

from collections.abc import Iterator, Sequence
from typing import Any

from modelyard.control.metrics import ControlMetrics
from modelyard.control.status import Running, model_statuses
from modelyard.ray_serve.pool_report import ModelReport
from modelyard.telemetry.metrics.declarations import DEATH_REASONS
from modelyard.telemetry.metrics.snapshot import Key
from tests.unit.control.models import applications, configured, resolved
from tests.unit.control.pool_fleet import pooled_config, running_pools
from tests.unit.control.pooled import CHURN as POOLED_CHURN
from tests.unit.control.pooled import SMALL, loaded, observed

VERSIONS = [{"number": number, "digest": f"sha256:{number}"} for number in (3, 2)]
CHURN: dict[str, Any] = {
    "runtime": "onnx",
    "versions": [{"number": number, "digest": f"sha256:{number}"} for number in (3, 2)],
    "spec": {},
}
SCALING = {"min_replicas": 1, "max_replicas": 4}


def application(*states: str, status: str = "RUNNING", target: int = 1, **deployment: Any) -> dict[str, Any]:
    """Serve's details of one model with a replica in each of these states."""
    replicas = [{"replica_id": f"r{number}", "state": state} for number, state in enumerate(states)]
    return {
        "status": status,
        "message": "",
        "route_prefix": "/models/churn",
        "deployments": {"model": {"replicas": replicas, "message": "", "target_num_replicas": target}},
        "deployed_app_config": {"route_prefix": "/models/churn", "args": CHURN, "deployments": [deployment]},
    }


def gauges(metrics: ControlMetrics, churn: dict[str, Any] | None, refused: str = "") -> dict[Key, float]:
    """The metrics after one more observation."""
    running = Running({"churn": churn} if churn else {})
    metrics.observed(running, model_statuses(running, {"churn": refused} if refused else {}, "http://x"))
    return dict(metrics.snapshot().gauges)


def test_replicas_are_counted_by_state_beside_their_target_and_maximum():
    seen = gauges(
        ControlMetrics(),
        application("RUNNING", "UPDATING", "STARTING", "STOPPING", target=3, autoscaling_config=SCALING),
    )
    states = {key[2]: value for key, value in seen.items() if key[0] == "model_replicas"}
    assert states == {"running": 2, "starting": 1, "stopping": 1}
    assert seen[("model_replicas_target", "churn")] == 3
    assert seen[("model_replicas_max", "churn")] == 4


def test_a_fixed_number_of_replicas_is_also_the_most():
    assert gauges(ControlMetrics(), application(num_replicas=2))[("model_replicas_max", "churn")] == 2


def test_each_version_is_ready_and_has_its_info():
    seen = gauges(ControlMetrics(), application("RUNNING"))
    assert {key[2]: value for key, value in seen.items() if key[0] == "model_ready"} == {"3": 1, "2": 1}
    assert seen[("model_info", "churn", "3", "onnx", "sha256:3")] == 1
    assert gauges(ControlMetrics(), application(status="DEPLOYING"))[("model_ready", "churn", "3")] == 0


def test_a_rejected_model_is_not_ready_and_has_no_version():
    seen = gauges(ControlMetrics(), None, refused="it is a pickle")
    assert {key: value for key, value in seen.items() if key[0] == "model_ready"} == {("model_ready", "churn", ""): 0}
    assert seen[("model_load_timeout_seconds", "churn")] == 120


def test_the_time_that_a_model_is_not_ready_restarts_each_time_and_does_not_run_while_it_waits_for_others_to_load():
    clock = [1000.0]
    metrics = ControlMetrics(clock=lambda: clock[0])

    def not_ready_s(churn: dict[str, Any] | None, waiting: Sequence[str] = ()) -> float:
        clock[0] += 10
        running = Running({"churn": churn} if churn else {})
        metrics.observed(running, model_statuses(running, {}, "http://x", waiting))
        return metrics.snapshot().gauges[("model_not_ready_seconds", "churn")]

    assert [not_ready_s(None, ["churn"]) for _ in range(2)] == [0, 0]
    loading = application("STARTING", status="DEPLOYING")
    assert [not_ready_s(loading) for _ in range(3)] == [0, 10, 20]
    assert not_ready_s(application("RUNNING")) == 0
    assert [not_ready_s(loading) for _ in range(2)] == [0, 10]


def test_a_removed_model_has_no_metrics():
    metrics = ControlMetrics()
    gauges(metrics, application("RUNNING"))
    assert [key for key in gauges(metrics, None) if "churn" in key] == []


def test_files_that_cannot_be_written_are_counted():
    metrics = ControlMetrics()
    assert gauges(metrics, None)[("control_writes_failing",)] == 0
    metrics.wrote(failing=2)
    assert gauges(metrics, None)[("control_writes_failing",)] == 2


def test_a_reload_that_failed_keeps_the_time_of_the_last_good_one():
    now = [100.0]
    metrics = ControlMetrics(now=lambda: now[0])
    metrics.reloaded(successful=True)
    now[0] = 200.0
    metrics.reloaded(successful=False)
    seen = gauges(metrics, None)
    assert seen[("config_last_reload_successful",)] == 0
    assert seen[("config_last_reload_success_timestamp_seconds",)] == 100


def test_starts_are_counted_under_every_reason_from_the_first_on():
    metrics = ControlMetrics()
    gauges(metrics, application(status="DEPLOYING"))
    gauges(metrics, application("STARTING", status="DEPLOYING"))
    counters = metrics.snapshot().totals.counters
    starts = {key[2]: count for key, count in counters.items() if key[0] == "model_replica_starts_total"}
    assert starts == {"deploy": 1, "scale": 0, "cold": 0, "replace": 0}


def test_deaths_are_counted_from_zero_under_every_reason_and_remain_after_the_model_is_removed():
    metrics = ControlMetrics()

    def deaths() -> dict[str, int]:
        counters = metrics.snapshot().totals.counters
        return {key[2]: count for key, count in counters.items() if key[0] == "model_replica_deaths_total"}

    gauges(metrics, application("RUNNING"))
    assert deaths() == dict.fromkeys(DEATH_REASONS, 0)
    metrics.died("churn", "exit")
    gauges(metrics, application("RUNNING"))
    metrics.observed(Running({}), ())
    assert deaths() == dict.fromkeys(DEATH_REASONS, 0) | {"exit": 1}


def test_a_reader_during_an_update_gets_the_snapshot_before_it():
    metrics = ControlMetrics()
    before = gauges(metrics, application("RUNNING"))
    seen: list[dict[Key, float]] = []

    class Statuses(list):
        def __iter__(self) -> Iterator[Any]:
            for status in super().__iter__():
                yield status
                seen.append(dict(metrics.snapshot().gauges))

    running = Running({"churn": application("RUNNING", "STARTING", target=2)})
    metrics.observed(running, Statuses(model_statuses(running, {"other": "it is a pickle"}, "http://x")))
    assert seen
    assert all(each == before for each in seen)
    assert metrics.snapshot().gauges[("model_replicas", "churn", "starting")] == 1


def test_a_configuration_that_waits_for_a_confirmation_is_marked():
    metrics = ControlMetrics()
    metrics.reloaded(successful=True, withheld=True)
    assert gauges(metrics, None)[("config_removals_withheld",)] == 1
    metrics.reloaded(successful=True)
    assert gauges(metrics, None)[("config_removals_withheld",)] == 0


def test_the_load_timeout_is_the_one_that_the_model_runs_with():
    churn = application("RUNNING")
    churn["deployed_app_config"]["args"] = {**CHURN, "spec": {"load_timeout_s": 7.5}}
    assert gauges(ControlMetrics(), churn)[("model_load_timeout_seconds", "churn")] == 7.5


def test_an_application_without_a_config_has_its_replicas_and_no_maximum():
    churn = application("RUNNING", "a state of a later Serve")
    assert gauges(ControlMetrics(), churn)[("model_replicas_max", "churn")] == 1
    del churn["deployed_app_config"]
    seen = gauges(ControlMetrics(), churn)
    assert seen[("model_replicas", "churn", "running")] == 1
    assert seen[("model_replicas", "churn", "starting")] == 1
    assert seen[("model_replicas_max", "churn")] == 0
    assert ("model_ready", "churn", "") in seen
    assert not [key for key in seen if key[0] == "model_info"]


def test_every_death_and_every_start_is_counted():
    metrics = ControlMetrics()
    for _ in range(3):
        metrics.died("churn", "exit")
    gauges(metrics, application(status="DEPLOYING", target=2))
    gauges(metrics, application("STARTING", "STARTING", status="DEPLOYING", target=2))
    counters = metrics.snapshot().totals.counters
    assert counters[("model_replica_deaths_total", "churn", "exit")] == 3
    assert counters[("model_replica_starts_total", "churn", "deploy")] == 2


def test_the_gateway_is_not_a_model():
    metrics, gateway = ControlMetrics(), application("RUNNING")
    metrics.observed(Running({"gateway": gateway}), ())
    assert {key for key in metrics.snapshot().totals.counters if "gateway" in key} == set()


def test_the_replicas_of_a_model_that_is_added_again_were_not_started_now():
    metrics = ControlMetrics()
    gauges(metrics, application("RUNNING"))
    gauges(metrics, None)
    gauges(metrics, application("RUNNING", "RUNNING", target=2))
    assert sum(count for key, count in metrics.snapshot().totals.counters.items() if "starts" in key[0]) == 0


def of_pools(metrics: ControlMetrics, **reports: ModelReport) -> dict[Key, float]:
    """The metrics after an observation of a pool with `a` and `b`, of which these are reports in place of RESIDENT ones."""
    config = pooled_config(resolved("a", pool="small"), resolved("b", pool="small"))
    running = running_pools(config, more=reports)
    metrics.observed(running, model_statuses(running, {}, "http://x"))
    return dict(metrics.snapshot().gauges)


def models_in(seen: dict[Key, float], metric: str) -> set[str]:
    return {key[1] for key in seen if key[0] == metric}


OF_MODELS = ("model_ready", "model_info", "model_not_ready_seconds", "model_load_timeout_seconds")


def test_the_models_of_a_pool_have_series_when_they_have_had_a_request_or_are_unavailable():
    metrics = ControlMetrics()
    assert {metric: models_in(of_pools(metrics), metric) for metric in OF_MODELS} == {
        metric: set() for metric in OF_MODELS
    }
    seen = of_pools(metrics, a=ModelReport("RESIDENT", fingerprint_of("a"), had_requests=True))
    assert {metric: models_in(seen, metric) for metric in OF_MODELS} == {metric: {"a"} for metric in OF_MODELS}
    assert seen[("model_ready", "a", "1")] == 1
    failed = ModelReport("FAILED", "", rejected=fingerprint_of("b"), reason="no such file")
    seen = of_pools(metrics, b=failed)
    assert models_in(seen, "model_ready") == {"a", "b"}, "a series does not end while its model is configured"
    assert seen[("model_ready", "b", "1")] == 0
    metrics.observed(Running({}), [])
    assert models_in(dict(metrics.snapshot().gauges), "model_ready") == set()


def fingerprint_of(name: str) -> str:
    config = pooled_config(resolved("a", pool="small"), resolved("b", pool="small"))
    found = {each["name"]: each for each in config["applications"]}[name]
    fingerprint: str = found["pooled"]["fingerprint"]
    return fingerprint


def test_the_processes_of_a_pool_are_counted_under_the_name_of_its_application():
    metrics = ControlMetrics()
    seen = of_pools(metrics)
    assert seen[("model_replicas", "_pool.small", "running")] == 1
    assert (seen[("model_replicas_target", "_pool.small")], seen[("model_replicas_max", "_pool.small")]) == (1, 1)
    assert models_in(seen, "model_replicas") == {"_pool.small"}
    counters = metrics.snapshot().totals.counters
    assert {key[1] for key in counters if key[0] == "model_replica_deaths_total"} == {"_pool.small"}


def test_a_pool_has_the_replicas_and_its_models_have_the_readiness():
    metrics, config = ControlMetrics(), configured(resolved("a", pool="small"), resolved("b", pool="small"))
    for each in ({"RUNNING": 1}, {"RUNNING": 2, "STOPPING": 1}):
        running = observed(config, loaded(config, "0", had_requests=True), each)
        metrics.observed(running, model_statuses(running, {}, "http://x"))
    snapshot = metrics.snapshot()
    of = {name: {key[1] for key in snapshot.gauges if key[0] == name} for name in ("model_ready", "model_replicas")}
    assert of == {"model_ready": {"a", "b"}, "model_replicas": {SMALL}}
    assert snapshot.gauges[("model_replicas", SMALL, "running")] == 2
    assert snapshot.gauges[("model_replicas_target", SMALL)] == 3
    assert snapshot.gauges[("model_replicas_max", SMALL)] == 1
    counters = snapshot.totals.counters
    assert {key[1] for key in counters} == {SMALL}, "a model of a pool has no replicas, so that none starts or dies"
    assert counters[("model_replica_starts_total", SMALL, "scale")] == 2


def test_the_application_that_a_model_leaves_still_has_replicas():
    metrics, alone = ControlMetrics(), applications(configured(resolved()))["churn"]
    running = observed({**POOLED_CHURN, "leaving": [alone]})
    metrics.observed(running, model_statuses(running, {}, "http://x"))
    gauges_ = metrics.snapshot().gauges
    assert gauges_[("model_replicas", "churn", "running")] == gauges_[("model_replicas", SMALL, "running")] == 1
    assert gauges_[("model_ready", "churn", "1")] == 1
