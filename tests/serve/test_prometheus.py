"""Debian's Prometheus, with our configuration and rules, scrapes the real server: every panel and every rule has a result."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.history.prometheus import Prometheus
from monitoring.history.replay import rules
from tests.prometheus import FOLDER, queries
from tests.serve.conftest import example_body
from tests.serve.project import Server

EVERY = "1s"
MODEL = "breast-cancer"
"""It has replicas of its own: replicas of a pool are not counted for a model."""
JOBS = {"modelyard", "modelyard-edge", "modelyard-ray"}
UNTOUCHED = "diabetes"
"""A model of a pool that only one of these tests uses."""
QUIET = {"Replica starts", "Load time, p90 of the last hour", "Replica deaths", "Firing alerts"}
"""Panels without values here: replicas start before Prometheus does, none dies, and no alert fires."""


def configuration(server: Server) -> dict[str, Any]:
    """The repository's configuration with this server's ports and short intervals."""
    project = server.project
    ports = {"8002": project.metrics_port, "8003": project.edge_metrics_port, "8004": project.ray_metrics_port}
    text = (FOLDER / "prometheus.yml").read_text()
    for usual, port in ports.items():
        text = text.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{port}")
    config = yaml.safe_load(text)
    config["global"] |= {"scrape_interval": EVERY, "evaluation_interval": EVERY}
    for job in config["scrape_configs"]:
        job.pop("scrape_interval", None)
    return config


@pytest.fixture(scope="module")
def prometheus(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    config = configuration(server)
    for path in FOLDER.glob("rules/*.yml"):
        (folder / path.name).write_text(path.read_text().replace("interval: 1m", f"interval: {EVERY}"))
    config["rule_files"] = [str(folder / path.name) for path in FOLDER.glob("rules/*.yml")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with Prometheus(folder / "blocks", folder / "prometheus.yml") as running:
        yield running


def send_requests(server: Server) -> None:
    """Send some requests that succeed and one that fails."""
    body = example_body(MODEL)
    for _ in range(5):
        assert server.predict(MODEL, body).status_code == 200
    assert server.predict(MODEL, {"instances": "nonsense"}).status_code == 400


def all_have_results(server: Server, prometheus: Prometheus, pending: dict[str, str]) -> bool:
    """Repeat the queries without a result; NaN fails."""
    send_requests(server)
    for name, expr in list(pending.items()):
        if values := [float(series["value"][1]) for series in prometheus.at(expr)]:
            assert not any(map(math.isnan, values)), expr
            del pending[name]
    return not pending


def test_every_job_is_scraped(server, prometheus):
    def up() -> set[str]:
        return {series["metric"]["job"] for series in prometheus.at("up == 1")}

    server.wait_for(lambda: up() == JOBS, 60, "all jobs to be scraped")


def test_every_panel_has_a_result(server, prometheus):
    pending = {str(query): query.filled_in(MODEL, "30s", "local") for query in queries() if query.panel not in QUIET}
    assert len(pending) > 50
    try:
        server.wait_for(lambda: all_have_results(server, prometheus, pending), 60, "every panel to show something")
    except AssertionError:
        assert pending == {}, "these panels are empty"
        raise


def test_every_rule_is_recorded_and_no_alert_fails(server, prometheus):
    pending = {rule.name: rule.name for rule in rules() if not rule.alert}
    server.wait_for(lambda: all_have_results(server, prometheus, pending), 60, "every rule to be recorded")
    for rule in rules():
        prometheus.at(rule.expr)


def test_the_values_match_the_requests(server, prometheus):
    def counted() -> float:
        series = prometheus.at(f'sum(inference_requests_total{{model="{UNTOUCHED}",code="invalid"}})')
        return float(series[0]["value"][1]) if series else 0.0  # it has none before its first request

    before = counted()
    for _ in range(7):
        assert server.predict(UNTOUCHED, {"instances": "nonsense"}).status_code == 400
    server.wait_for(lambda: counted() == before + 7, 30, "seven more to be counted")


def test_noisy_series_are_dropped(prometheus):
    names = {series["metric"]["__name__"] for series in prometheus.at('count by (__name__) ({job="modelyard-ray"})')}
    scraped = {name for name in names if name.startswith("ray_")}
    assert not scraped - {name for name in scraped if name.startswith("ray_node_")}
    (edge,) = prometheus.at('scrape_samples_post_metric_relabeling{job="modelyard-edge"}')
    (before,) = prometheus.at('scrape_samples_scraped{job="modelyard-edge"}')
    assert float(edge["value"][1]) < float(before["value"][1])
