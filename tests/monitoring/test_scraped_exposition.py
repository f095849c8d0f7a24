"""A real Prometheus with our rules scrapes the hub's exposition, and every panel has a result."""

import math
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from modelyard.telemetry.metrics.counters import VersionCounters
from modelyard.telemetry.metrics.declarations import (
    METRICS,
    MODEL_EVICTIONS,
    MODEL_LOADS,
    POOL_EVICTIONS,
    POOL_LOADS,
    POOL_REJECTED,
    REPLICA_STATES,
    RESIDENCIES,
)
from modelyard.telemetry.metrics.exposition import metrics_app
from modelyard.telemetry.metrics.scrape_server import listen
from modelyard.telemetry.metrics.snapshot import Exemplars, Key, Totals
from monitoring.history.prometheus import Prometheus
from tests.prometheus import FOLDER, queries

QUIET = {"Replica starts", "Replica deaths", "Load time, p90 of the last hour", "Configuration reloads"}
"""Panels of rare events, which do not occur here."""
OTHERS = ("haproxy_", "ray_node_", "ALERTS", "scrape_duration", 'job="modelyard-')
PATIENCE_S = 60.0


class FakeHub:
    """A replica's counts, one request more at each scrape, and every declared gauge."""

    def __init__(self) -> None:
        self._counts = VersionCounters("iris", "1", ("predict", "grpc"), load_s=0.8)
        names = {"model": "iris", "version": "1", "runtime": "onnx", "digest": "ab12", "pool": "small"}
        self._gauges: dict[Key, float] = {
            (metric.name, *map((names | {"state": state, "residency": residency}).__getitem__, metric.labels)): 1.0
            for metric in METRICS
            if metric.kind == "gauge"
            for state in REPLICA_STATES
            for residency in RESIDENCIES
        }

    def snapshot(self) -> tuple[Totals, dict[Key, float], Exemplars]:
        counts = self._counts
        counts.codes["predict"]["ok"] += 9
        counts.codes["predict"]["error"] += 1
        counts.rows += 30
        for observations in (counts.request, counts.queue, counts.compute):
            observations.observe(0.004)
        counts.batch.observe(3.0)
        totals = Totals()
        counts.add_to(totals)
        totals.counters[("model_replica_starts_total", "iris", "deploy")] = 1
        totals.counters[("model_replica_deaths_total", "iris", "exit")] = 0
        totals.counters |= {(metric.name, "iris"): 1 for metric in (MODEL_LOADS, MODEL_EVICTIONS)}
        totals.counters |= {(metric.name, "small"): 1 for metric in (POOL_LOADS, POOL_EVICTIONS, POOL_REJECTED)}
        return totals, self._gauges, {}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder: Path = tmp_path_factory.mktemp("scraped")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listen("127.0.0.1", port, metrics_app(FakeHub().snapshot))
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (ours,) = [job for job in config["scrape_configs"] if job["job_name"] == "modelyard"]
    ours |= {"scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    rules = []
    for path in FOLDER.glob("rules/*.yml"):
        (folder / path.name).write_text(path.read_text().replace("interval: 1m", "interval: 1s"))
        rules.append(path.name)
    (folder / "prometheus.yml").write_text(yaml.safe_dump({**config, "scrape_configs": [ours], "rule_files": rules}))
    with Prometheus(folder / "blocks", folder / "prometheus.yml") as server:
        yield server


def test_every_panel_about_models_has_a_result(prometheus):
    asked = [q for q in queries() if q.panel not in QUIET and not any(other in q.expr for other in OTHERS)]
    pending = {str(query): query.filled_in("iris", "30s") for query in asked}
    assert len(pending) > 40
    deadline = time.monotonic() + PATIENCE_S
    while pending and time.monotonic() < deadline:
        for name, expr in list(pending.items()):
            if values := [float(series["value"][1]) for series in prometheus.at(expr)]:
                assert not any(map(math.isnan, values)), expr
                del pending[name]
    assert not pending, "these panels are empty"


def test_one_in_ten_burns_the_budget_a_hundred_times_too_fast(prometheus):
    (burn,) = prometheus.at("model:error_budget_burn:5m")
    assert float(burn["value"][1]) == pytest.approx(100, rel=0.05)
