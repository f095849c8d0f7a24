"""Processes that die, and the end of the server."""

import json
import re
import signal
import time
from pathlib import Path

import pytest
import requests

from tests.faults.load import Load, shown
from tests.serve.project import Server

ECHO_BODY = {"instances": [4]}


def test_a_killed_replica_is_replaced(server: Server) -> None:
    old = server.replicas("breast-cancer")
    server.kill("ray::ServeReplica:breast-cancer:")
    server.wait_for(lambda: not set(server.replicas("breast-cancer")) <= set(old), what="a new replica")
    server.wait_for(lambda: server.get("/models/breast-cancer").json().get("state") == "READY", what="the model")


@pytest.mark.parametrize("agent", ["ray::DashboardAgent", "ray::RuntimeEnvAgent"])
def test_a_ray_agent_that_dies_is_restarted_and_new_replicas_start(server: Server, agent: str) -> None:
    raylet, before = server.pids("/raylet --"), server.pids(agent)
    server.kill(agent)
    server.wait_for(
        lambda: any(agent in line and pid not in before for pid, line in server.processes().items()), what="the agent"
    )
    old = server.replicas("breast-cancer")
    server.kill("ray::ServeReplica:breast-cancer:")
    server.wait_for(lambda: not set(server.replicas("breast-cancer")) <= set(old), what="a new replica")
    server.wait_for(lambda: server.get("/models/breast-cancer").json().get("state") == "READY", what="the model")
    assert server.pids("/raylet --") == raylet


@pytest.mark.parametrize("victim", ["/haproxy -db", "ray::HAProxyManager"])
def test_no_connection_is_refused_when_haproxy_dies(server: Server, victim: str) -> None:
    """A standby replaces it at once. Serve detects the death after 1.5 s, and takes seconds to start another."""
    before = {pid for pid, command in server.processes().items() if "/haproxy -db" in command}
    server.kill(victim)
    # When its manager ends, HAProxy ends shortly after, and its open requests are lost.
    server.wait_for(lambda: not server.processes().keys() & before, what="the end of HAProxy")
    responses: list[int] = []

    def one_haproxy_remains() -> bool:
        responses.append(requests.post(f"{server.url}/models/echo/predict", json=ECHO_BODY, timeout=60).status_code)
        running = {pid: command for pid, command in server.processes().items() if "/haproxy -db" in command}
        return len(running) == 1 and not running.keys() & before and "standby.cfg" not in " ".join(running.values())

    server.wait_for(one_haproxy_remains, 120, "Serve's next HAProxy, alone")
    assert set(responses) == {200}
    assert server.printed().count("HAProxy has died") <= 2


ENDS = """\
import logging
import os
import signal

log = logging.getLogger(__name__)


class Model:
    signature = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
        "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
    }
    example = {"x": [1.0, 2.0]}

    def load(self, directory, options, cpus):
        pass

    def predict(self, inputs):
        what = inputs["x"][0]
        log.info("request for %g", what)
        if what == 13:
            raise ValueError("thirteen")
        if what == 14:
            os._exit(3)
        if what == 15:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"y": inputs["x"]}
"""


def edge_has_replica(server: Server, model: str) -> bool:
    """Whether HAProxy sends a model's requests to the replica that runs now, by its own metrics."""
    try:
        exposed = requests.get(f"http://127.0.0.1:{server.project.edge_metrics_port}/metrics", timeout=30).text
    except requests.ConnectionError:  # another process has taken over the port of the one that was asked
        return False
    up = re.findall(r'haproxy_server_status\{proxy="http-(.+)",server="SERVE_REPLICA_.+",state="UP"\} 1', exposed)
    return model in up


def lost(server: Server, what: int, request_id: str) -> None:
    """Send a request during which the replica dies. Until the edge knows the replica, Serve's proxy has its requests."""
    server.wait_for(lambda: edge_has_replica(server, "ends"), what="the edge to know the replica")
    response = server.predict("ends", {"instances": [what]}, headers={"x-request-id": request_id})
    assert (response.status_code, response.headers["x-request-id"]) == (503, request_id)
    server.wait_printed(f"; 1 request lost ({request_id})")
    server.wait_for(lambda: server.responds("ends", {"instances": [1]}), what="another replica")


def deaths(server: Server, model: str, reason: str) -> str:
    """The value of `model_replica_deaths_total`. The control process sends its counts to the hub now and then."""
    exposed = requests.get(f"http://127.0.0.1:{server.project.metrics_port}/metrics", timeout=30).text
    sample = re.search(
        rf'^model_replica_deaths_total\{{model="{model}",reason="{reason}"\}} (.+)$', exposed, re.MULTILINE
    )
    return sample[1] if sample else "none"


def test_a_death_is_reported_with_its_reason_and_request_and_the_log_has_the_cause(fresh: Server) -> None:
    fresh.project.add_python("ends", ENDS)
    fresh.project.configure("ends", "runtime: python:model:Model\ntrusted: true\nretry: never\n")
    fresh.wait_for(lambda: fresh.responds("ends", {"instances": [1]}), what="the model")
    assert fresh.predict("ends", {"instances": [13]}, headers={"x-request-id": "raises-13"}).status_code == 500
    lost(fresh, 14, "exits-14")
    assert "died: exit code 3, os._exit in model.py:24" in fresh.printed()
    last = fresh.command("logs", "ends", "--previous").stdout
    place = fresh.project.repository / "ends" / "1" / "model.py"
    assert f'    [raises-13]   File "{place}", line 22, in predict' in last
    assert "    [raises-13] ValueError: thirteen" in last
    assert "[exits-14] model: request for 14" in last
    assert "Started initializing" not in last
    lost(fresh, 15, "killed-15")
    assert "died: SIGKILL (9)" in fresh.printed()
    shown = fresh.command("status", check=False).stdout
    assert "ends: 2 replicas have died within a day" in shown
    (entry,) = json.loads(fresh.command("requests", "--id", "killed-15", "-o", "json").stdout)
    assert (entry["code"], entry["outcome"]) == ("error", "ReplicaLost")
    for reason in ("exit", "signal"):
        fresh.wait_for(
            lambda reason=reason: deaths(fresh, "ends", reason) == "1.0", what=f"the death by {reason} to be counted"
        )


def test_a_stopped_replica_is_not_reported_as_a_death(fresh: Server) -> None:
    fresh.project.add_python("stopped", ENDS)
    fresh.project.configure("stopped", "runtime: python:model:Model\ntrusted: true\n")
    fresh.wait_for(lambda: fresh.responds("stopped", {"instances": [1]}), what="the model")
    (fresh.project.models / "stopped.yaml").unlink()
    fresh.wait_for(lambda: not fresh.replicas("stopped"), what="the end of its replica")
    fresh.wait_for(lambda: "stopped" not in fresh.status(), what="the check after it")
    assert "stopped: replica" not in fresh.printed()


@pytest.mark.timeout(1800)  # Ray starts three times
def test_the_server_starts_again_when_ray_dies_and_leaves_no_process_at_its_end(own_server: Server) -> None:
    own_server.wait_up()
    assert own_server.responds("echo", ECHO_BODY)
    run_dirs = {
        part for line in own_server.processes().values() for part in line.split() if part.startswith("/tmp/modelyard-")
    }
    own_server.project.configure("echo", "nonsense: true\n")  # an invalid file must not prevent the start
    own_server.wait_printed("no changes applied")
    for part in ("raylet/raylet", "gcs/gcs_server"):
        ends = own_server.printed().count("watching serve_config")
        own_server.kill(part)
        own_server.wait_for(
            lambda seen=ends: own_server.printed().count("watching serve_config") > seen, 240, "the next start"
        )
        assert own_server.responds("echo", ECHO_BODY)
    below = [*own_server.processes()]
    own_server.stop()
    assert own_server.process.returncode == 0
    assert [pid for pid in below if Path(f"/proc/{pid}").exists()] == []
    assert run_dirs
    assert not any(Path(directory).exists() for directory in run_dirs)


def test_after_sigterm_the_server_is_not_ready_while_it_still_serves_requests(own_server: Server) -> None:
    own_server.wait_up()
    assert own_server.get("/ready").status_code == 200
    with Load(own_server.project.port, "echo", rate=20, clients=4) as load:
        own_server.process.send_signal(signal.SIGTERM)
        own_server.wait_for(lambda: own_server.get("/ready").status_code == 503, 20, "the server not to be ready")
        # Serve restarts HAProxy while replicas change: each process reports the same.
        not_ready_since = time.monotonic()
        responses: list[int] = []
        while load.kinds(since=not_ready_since)["ok"] <= 40:
            responses.append(own_server.get("/ready").status_code)
            time.sleep(0.05)
    assert set(responses) == {503}
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)
    assert own_server.process.wait(120) == 0


def test_a_second_server_of_the_same_folder_is_rejected(server: Server) -> None:
    second = server.command("up", check=False)
    assert second.returncode == 1
    assert "runs already" in second.stderr
