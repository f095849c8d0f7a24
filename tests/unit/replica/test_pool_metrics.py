"""The metrics of a pool and of its models: a model has series from its first request on."""

from typing import Any, cast

from modelyard.config.model_spec import ModelSpec
from modelyard.ray_serve.application import PoolArgs
from modelyard.ray_serve.pool_report import ModelReport
from modelyard.replica.model_server import ModelServer
from modelyard.replica.pool_metrics import PoolMetrics
from modelyard.telemetry.metrics.declarations import REQUESTS
from modelyard.telemetry.metrics.snapshot import Key, MetricsSnapshot, Totals, complete


def pool_args(tmp_path: Any) -> PoolArgs:
    return PoolArgs(name="small", application="_pool.small", memory=1000, cpus=1.0, replicas=tmp_path)


class FakeServer:
    """A loaded model that has had some requests."""

    def __init__(self, name: str, requests: int) -> None:
        self.spec = ModelSpec(name=name)
        self.requests = requests

    def snapshot(self) -> MetricsSnapshot:
        return MetricsSnapshot(Totals({requests_of(self.spec.name): self.requests}), {}, {})


def requests_of(name: str) -> Key:
    return (REQUESTS.name, name, "1", "ok", "predict")


def server(name: str, requests: int) -> ModelServer:
    return cast(ModelServer, FakeServer(name, requests))


def counters(metrics: PoolMetrics, start: str) -> dict[tuple[str, ...], int]:
    return {key: count for key, count in complete(metrics.parts()).totals.counters.items() if key[0].startswith(start)}


def gauges(metrics: PoolMetrics, start: str) -> dict[tuple[str, ...], float]:
    return {key: value for key, value in complete(metrics.parts()).gauges.items() if key[0].startswith(start)}


def test_a_pool_has_its_memory_and_the_number_of_its_models(tmp_path):
    metrics = PoolMetrics()
    metrics.args = pool_args(tmp_path)
    metrics.marked(
        {
            "a": ModelReport("RESIDENT", "1", resident_bytes=300),
            "b": ModelReport("RESIDENT", "1", resident_bytes=400),
            "c": ModelReport("COLD", "1"),
            "d": ModelReport("FAILED"),
        }
    )
    assert gauges(metrics, "pool_") == {
        ("pool_models", "small", "resident"): 2,
        ("pool_models", "small", "cold"): 1,
        ("pool_models", "small", "loading"): 0,
        ("pool_models", "small", "failed"): 1,
        ("pool_resident_bytes", "small"): 700,
        ("pool_memory_budget_bytes", "small"): 1000,
    }


def test_a_pool_counts_loads_evictions_and_rejected_requests_of_all_its_models(tmp_path):
    metrics = PoolMetrics()
    metrics.args = pool_args(tmp_path)
    zero = counters(metrics, "pool_")
    assert {*zero.values()} == {0}, "a series that begins at 1 has no rate"
    for name in ("a", "a", "b"):
        metrics.loaded(name)
    metrics.evicted("a")
    metrics.rejected()
    assert counters(metrics, "pool_") == {
        ("pool_loads_total", "small"): 3,
        ("pool_evictions_total", "small"): 1,
        ("pool_requests_rejected_total", "small"): 1,
    }


def test_a_model_without_a_request_has_no_series():
    metrics = PoolMetrics()
    metrics.loaded("a")
    metrics.add(server("a", 0))
    assert metrics.marked({"a": ModelReport("RESIDENT", "1", resident_bytes=9)})["a"].had_requests is False
    snapshot = complete(metrics.parts())
    assert (snapshot.totals.counters, dict(snapshot.gauges)) == ({}, {})


def test_a_model_has_series_from_its_first_request_on_also_when_it_is_cold_again():
    metrics = PoolMetrics()
    metrics.loaded("a")
    loaded = server("a", 5)
    metrics.add(loaded)
    report = ModelReport("RESIDENT", "1", resident_bytes=9)
    assert metrics.marked({"a": report, "b": report}) == {
        "a": ModelReport("RESIDENT", "1", resident_bytes=9, had_requests=True),
        "b": report,
    }
    assert gauges(metrics, "model_") == {("model_resident_bytes", "a"): 9}
    metrics.evicted("a")
    metrics.retire(loaded)
    metrics.marked({"a": ModelReport("COLD", "1")})
    assert counters(metrics, "model_") == {("model_loads_total", "a"): 1, ("model_evictions_total", "a"): 1}
    assert gauges(metrics, "model_") == {("model_resident_bytes", "a"): 0}
    metrics.marked({})
    assert counters(metrics, "model_"), "a counter does not decrease when its model is removed"
    assert gauges(metrics, "model_") == {}


def test_the_metrics_of_a_model_are_the_same_object_until_they_change():
    metrics = PoolMetrics()
    busy, idle = FakeServer("busy", 1), FakeServer("idle", 1)
    for each in (busy, idle):
        metrics.add(cast(ModelServer, each))
    before = metrics.parts()
    busy.requests = 2
    after = metrics.parts()
    assert (after["busy"] is before["busy"], after["idle"] is before["idle"]) == (False, True)
    metrics.marked({"idle": ModelReport("RESIDENT", "1", resident_bytes=9)})
    assert metrics.parts()["idle"].gauges == {("model_resident_bytes", "idle"): 9}
    metrics.loaded("idle")
    assert metrics.parts()["idle"].totals.counters[("model_loads_total", "idle")] == 1


def test_the_requests_of_a_model_are_those_of_all_its_loads():
    metrics = PoolMetrics()
    for requests in (1, 2, 4):
        loaded = server("a", requests)
        metrics.add(loaded)
        metrics.retire(loaded)
    metrics.add(server("a", 8))
    assert counters(metrics, "inference_")[requests_of("a")] == 15
