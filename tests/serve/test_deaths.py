"""Processes that die, and the server's end."""

import time
from pathlib import Path

import pytest

from tests.serve.project import Server

ECHO_BODY = {"instances": [4]}


def test_a_killed_replica_is_replaced(server: Server) -> None:
    old = server.replicas("iris")
    server.kill("ray::ServeReplica:iris:")
    server.wait_for(lambda: not set(server.replicas("iris")) <= set(old), what="a new replica")
    server.wait_for(lambda: server.get("/models/iris").json().get("state") == "READY", what="the model")


def test_a_killed_haproxy_is_back_in_seconds(server: Server) -> None:
    server.kill("/haproxy -db")
    begun = time.monotonic()
    server.wait_for(lambda: server.answers("echo", ECHO_BODY), 60, "HAProxy")
    assert time.monotonic() - begun < 30  # the limit is for a starved machine; it is about 3 s on an idle one


@pytest.mark.timeout(1800)  # three starts of Ray
def test_the_server_starts_again_when_ray_dies_and_leaves_nothing_at_its_end(alone: Server) -> None:
    alone.wait_up()
    assert alone.answers("echo", ECHO_BODY)
    run_dirs = {
        part for line in alone.processes().values() for part in line.split() if part.startswith("/tmp/modelyard-")
    }
    alone.project.configure("echo", "nonsense: true\n")  # a mistake must not keep the server down
    alone.wait_printed("nothing has changed")
    for part in ("raylet/raylet", "gcs/gcs_server"):
        ends = alone.printed().count("watching serve_config")
        alone.kill(part)
        alone.wait_for(lambda seen=ends: alone.printed().count("watching serve_config") > seen, 240, "the next start")
        assert alone.answers("echo", ECHO_BODY)
    below = [*alone.processes()]
    alone.stop()
    assert alone.process.returncode == 0
    assert [pid for pid in below if Path(f"/proc/{pid}").exists()] == []
    assert run_dirs
    assert not any(Path(directory).exists() for directory in run_dirs)


def test_a_second_server_of_the_same_folder_is_refused(server: Server) -> None:
    second = server.command("up", check=False)
    assert second.returncode == 1
    assert "runs already" in second.stderr
