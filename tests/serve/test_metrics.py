"""Counters of a real server stay exact when processes die or are replaced."""

from itertools import count

import pytest

from tests.serve.metric_values import request_count, scrape, value
from tests.serve.models import ECHO, ECHO_TIMES_THREE
from tests.serve.project import Server
from tests.serve.test_changes import TRUSTED

BODY = {"instances": [4]}
NUMBERS = count(1)


@pytest.fixture
def counted(fresh: Server) -> tuple[Server, str]:
    """A model that only this test uses."""
    name = f"counted-{next(NUMBERS)}"
    fresh.project.add_python(name, ECHO)
    fresh.project.configure(name, TRUSTED)
    fresh.wait_for(lambda: name in fresh.models() and fresh.models()[name]["state"] == "READY", what="the model")
    fresh.wait_for(lambda: fresh.get(f"/models/{name}").json().get("curl"), what="its replica at the edge")
    fresh.wait_for(lambda: request_count(fresh, name) == 0, what="its series, at zero")
    return fresh, name


def send(server: Server, name: str, times: int) -> None:
    for _ in range(times):
        assert server.predict(name, BODY).status_code == 200


def test_every_outcome_is_counted_once_under_its_code(counted: tuple[Server, str]) -> None:
    server, name = counted
    send(server, name, 3)
    assert server.predict(name, {"instances": [[4, 5]]}).status_code == 400
    assert server.http.post(f"{server.url}/models/{name}/predict", data=b"{", timeout=30).status_code == 400
    path = f"{server.url}/models/{name}/predict"
    assert server.http.post(path, data=b"{}", headers={"content-encoding": "br"}, timeout=30).status_code == 415
    assert server.http.post(f"{server.url}/v2/models/{name}/infer", data=b"{", timeout=30).status_code == 400
    server.wait_for(lambda: request_count(server, name) == 7, what="the counts")
    seen = scrape(server)
    predict = {"model": name, "version": "1", "protocol": "predict"}
    assert value(seen, "inference_requests_total", code="ok", **predict) == 3
    assert value(seen, "inference_requests_total", code="invalid", **predict) == 3
    assert value(seen, "inference_requests_total", code="invalid", protocol="oip", model=name) == 1
    assert value(seen, "inference_rows_total", model=name) == 3
    for family in ("request_duration_seconds", "queue_duration_seconds", "compute_duration_seconds", "batch_size"):
        assert value(seen, f"inference_{family}_count", model=name) == 3
    assert value(seen, "inference_batch_size_sum", model=name) == 3


def test_unknown_names_in_requests_create_no_series(server: Server) -> None:
    names, versions = {f"invented-{number}" for number in range(300)}, {str(number) for number in range(100, 400)}
    for name, version in zip(names, versions, strict=True):
        server.http.post(f"{server.url}/models/{name}/predict", json=BODY, timeout=30)
        server.http.post(f"{server.url}/models/echo/versions/{version}/predict", json=BODY, timeout=30)
    for _, labels in scrape(server):
        result = dict(labels)
        assert result.get("model") not in names
        assert result.get("version") not in versions


def test_the_counts_of_a_killed_replica_remain(counted: tuple[Server, str]) -> None:
    server, name = counted
    send(server, name, 20)
    server.wait_for(lambda: request_count(server, name) == 20, what="the counts")
    server.kill(f"ray::ServeReplica:{name}:")
    server.wait_for(lambda: server.responds(name, BODY), what="another replica")
    send(server, name, 4)
    server.wait_for(lambda: request_count(server, name, code="ok") == 25, what="both replicas' counts")
    server.wait_for(
        lambda: value(scrape(server), "model_replica_starts_total", model=name, reason="replace") == 1,
        what="the start to be counted",
    )


def test_an_update_loses_no_count_and_the_last_requests_are_pushed(counted: tuple[Server, str]) -> None:
    server, name = counted
    send(server, name, 10)
    sent = 10
    server.project.add_python(name, ECHO_TIMES_THREE, version=2)
    while server.predict(name, BODY).json()["predictions"] != [12.0]:
        sent += 1
    server.wait_for(lambda: len(server.replicas(name)) == 1, what="the old replica to leave")
    server.wait_for(lambda: request_count(server, name, version="1") == sent, what="version 1's counts")
    server.wait_for(lambda: request_count(server, name, version="2") == 1, what="version 2's counts")
    server.wait_for(
        lambda: value(scrape(server), "model_info", model=name, version="2") == 1, what="the new version's info"
    )


def test_a_killed_hub_restarts_with_the_same_counts_and_requests_are_not_affected(counted: tuple[Server, str]) -> None:
    server, name = counted
    send(server, name, 10)
    server.wait_for(lambda: request_count(server, name) == 10, what="the counts")
    before = scrape(server)
    server.kill("ray::Hub")
    send(server, name, 10)
    server.wait_for(lambda: request_count(server, name) >= 0, what="the hub")
    after = scrape(server)
    decreased = [
        series
        for series, count in before.items()
        if series[0].endswith(("_total", "_count", "_sum", "_bucket")) and after.get(series, 0) < count
    ]
    assert decreased == []
    server.wait_for(lambda: request_count(server, name, code="ok") == 20, what="the requests during the restart")


def test_metrics_contain_no_paths_of_the_machine(server: Server) -> None:
    response = server.http.get(f"http://127.0.0.1:{server.project.metrics_port}/metrics", timeout=10)
    assert str(server.project.root) not in response.text
    assert "/tmp" not in response.text
    assert server.http.get(f"http://127.0.0.1:{server.project.metrics_port}/", timeout=10).status_code == 404


def test_an_invalid_edit_counts_as_a_failed_reload(fresh: Server) -> None:
    fresh.wait_for(lambda: value(scrape(fresh), "config_last_reload_successful") == 1, what="the last good reload")
    fresh.project.configure("echo", f"{TRUSTED}replcas: 2\n")
    fresh.wait_for(lambda: value(scrape(fresh), "config_last_reload_successful") == 0, what="the failure")
    fresh.project.configure("echo", TRUSTED)
    fresh.wait_for(lambda: value(scrape(fresh), "config_last_reload_successful") == 1, what="the next good reload")


def test_haproxys_metrics_are_exported(server: Server) -> None:
    response = server.http.get(f"http://127.0.0.1:{server.project.edge_metrics_port}/metrics", timeout=10)
    assert 'haproxy_frontend_connections_total{proxy="edge_http"}' in response.text


def test_up_prints_the_url_of_the_metrics(server: Server) -> None:
    assert f"Metrics: http://127.0.0.1:{server.project.metrics_port}/metrics" in server.printed()


def test_status_and_top_show_the_last_minutes_traffic(counted: tuple[Server, str]) -> None:
    server, name = counted
    send(server, name, 5)
    assert server.predict(name, {"instances": [[4, 5]]}).status_code == 400
    server.wait_for(lambda: request_count(server, name) == 6, what="the counts")
    traffic = server.status()[name]["traffic"]
    assert traffic["codes"]["ok"] == 5
    assert traffic["codes"]["invalid"] == 1
    assert traffic["failed"] == 0
    assert traffic["requests_per_s"] > 0
    assert 0 < traffic["p99_s"] < 10
    (row,) = [line for line in server.command("top", "-n", "1").stdout.splitlines() if line.startswith(name)]
    assert " ms " in row
