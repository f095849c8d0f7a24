"""Processes that are killed or frozen under load, and the effect on clients."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modelyard.control.worker_forks import SERVER as FORK_SERVER
from modelyard.edge.model_maps import TIMEOUT_MARGIN_S
from tests.faults.conftest import LONG, TIMEOUT_S
from tests.faults.load import Load, shown
from tests.serve.project import Server

LATEST_S = TIMEOUT_S + TIMEOUT_MARGIN_S
"""The time after which the edge has responded, whatever the replica does."""
FROZEN_S = 3 if not LONG else 15
SLACK_S = 5
"""Time for a busy machine."""


def settled(server: Server) -> None:
    """Wait until all replicas run and HAProxy has them."""
    server.wait_for(lambda: len(server.replicas("pair")) == 2 and len(server.replicas("single")) == 1)
    server.wait_for(
        lambda: all(
            model["state"] == "READY" and model["replicas"] == model["replicas_wanted"]
            for model in server.status().values()
        )
    )


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_killed_replica_loses_no_request_while_another_serves(faulty: Server) -> None:
    with Load(faulty.project.port, "pair") as load:
        for _ in range(10 if LONG else 3):
            settled(faulty)
            os.kill(faulty.replicas("pair")[0], signal.SIGKILL)
            time.sleep(1)
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


@pytest.mark.parametrize("model", ["single", "pair"])
def test_requests_wait_for_a_new_replica_or_get_retry_after_when_all_replicas_are_killed(
    faulty: Server, model: str
) -> None:
    settled(faulty)
    with Load(faulty.project.port, model) as load:
        time.sleep(0.5)
        for pid in faulty.replicas(model):
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        faulty.wait_for(lambda: load.kinds(since=killed + 1)["ok"] > 10, what="responses of a new replica")
    assert set(load.kinds()) <= {"ok", "503", "504"}, shown(load.outcomes)
    assert all(each.retry_after for each in load.outcomes if each.kind == "503")
    assert load.slowest_s() < LATEST_S + SLACK_S


def test_the_requests_of_a_frozen_replica_get_504_at_their_deadline(faulty: Server) -> None:
    settled(faulty)
    with Load(faulty.project.port, "pair", clients=48) as load:
        time.sleep(0.5)
        with frozen(faulty.replicas("pair")[0]):
            time.sleep(LATEST_S + 1)
    kinds = load.kinds()
    assert set(kinds) <= {"ok", "504"}, shown(load.outcomes)
    assert 1 <= kinds["504"] < kinds["ok"] / 10
    assert all(LATEST_S - 0.5 < each.seconds < LATEST_S + SLACK_S for each in load.outcomes if each.kind == "504")


@pytest.mark.skipif(not LONG, reason="takes the minute that three health checks take; `make faults` runs it")
def test_a_frozen_replica_is_killed_and_replaced(faulty: Server) -> None:
    settled(faulty)
    pid = faulty.replicas("pair")[0]
    with Load(faulty.project.port, "pair", clients=48) as load:
        os.kill(pid, signal.SIGSTOP)
        faulty.wait_for(lambda: pid not in faulty.replicas("pair"), 120, "the end of the frozen replica")
        settled(faulty)
    assert set(load.kinds()) <= {"ok", "504"}, shown(load.outcomes)


@pytest.mark.parametrize(
    "part",
    [
        "ray::ServeController",
        "ray::Hub",
        "ray::ServeReplica:gateway",
        "ray::HAProxyManager",
        "gcs_server",
        "raylet/raylet",
        FORK_SERVER,
    ],
)
def test_no_prediction_is_affected_by_a_frozen_process_that_is_not_on_the_request_path(
    faulty: Server, part: str
) -> None:
    settled(faulty)
    with Load(faulty.project.port, "pair") as load, frozen(faulty.pids(part)[0]):
        time.sleep(FROZEN_S)
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


@pytest.mark.parametrize(
    "part", ["ray::Hub", "ray::ServeReplica:gateway", "ray::ProxyActor", "ray::ServeController", FORK_SERVER]
)
def test_no_prediction_is_affected_by_a_killed_process_that_is_not_on_the_request_path(
    faulty: Server, part: str
) -> None:
    settled(faulty)
    with Load(faulty.project.port, "pair") as load:
        faulty.kill(part)
        faulty.wait_for(lambda: any(part in line for line in faulty.processes().values()), what=f"a new {part}")
        time.sleep(1)
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)
