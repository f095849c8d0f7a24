"""Ray's processes and the server's process are killed: the server starts again with the same models."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from modelyard.control.restart_policy import STEADY_S
from tests.faults.conftest import LONG
from tests.faults.test_killed import frozen, settled
from tests.serve.project import CHANGE_S, UP_LINE, Server

BACK_S = 45.0
"""Seconds from the death to the first response, on two idle cores. A busy machine takes longer."""
MOMENTS = 20
ASK = {"instances": [4]}


def back(server: Server, harm: Callable[[], None], within_s: float = CHANGE_S) -> float:
    """Seconds from the fault to the first response after the restart. Waits until the restart is complete."""
    starts = server.printed().count("starting Ray Serve")
    begun = time.monotonic()
    harm()
    server.wait_for(lambda: server.printed().count("starting Ray Serve") > starts, within_s, "the next start")
    server.wait_for(lambda: server.responds("pair", ASK), within_s, "a response")
    seconds = time.monotonic() - begun
    server.wait_for(lambda: server.printed().count(UP_LINE) > starts, within_s, "the end of the start")
    settled(server)
    return seconds


def steady(server: Server) -> None:
    """Wait until the next death counts as the first: otherwise the pause before the restart grows."""
    until = time.monotonic() + STEADY_S
    server.wait_for(lambda: time.monotonic() > until)


@pytest.mark.parametrize("part", ["log_monitor.py", "dashboard/dashboard.py", "_private/monitor.py"])
def test_ray_starts_only_what_models_need(faulty: Server, part: str) -> None:
    """Ray counts as dead if any process that it started has died."""
    assert not any(part in line for line in faulty.processes().values())


@pytest.mark.skipif(not LONG, reason="starts of Ray; `make faults` runs them")
@pytest.mark.parametrize("part", ["raylet/raylet", "gcs_server", "modelyard.cli.server_process", ""])
def test_the_server_starts_again_when_ray_or_its_process_or_all_are_killed(faulty: Server, part: str) -> None:
    steady(faulty)
    everything = [*faulty.processes()]

    def harm() -> None:
        if part:
            faulty.kill(part)
            return
        for pid in everything:
            os.kill(pid, signal.SIGKILL)

    assert back(faulty, harm) < BACK_S


@pytest.mark.skipif(not LONG, reason="starts of Ray; `make faults` runs them")
def test_the_server_starts_again_when_the_raylet_is_killed_while_the_controller_does_not_respond(
    faulty: Server,
) -> None:
    steady(faulty)
    with suppress(ProcessLookupError), frozen(faulty.pids("ray::ServeController")[0]):
        time.sleep(2)  # by now the control loop waits for the response
        seconds = back(faulty, lambda: faulty.kill("raylet/raylet"))
    assert seconds < BACK_S


@pytest.mark.skipif(not LONG, reason="twenty starts of Ray; `make faults` runs them")
@pytest.mark.timeout(7200)
def test_the_server_starts_again_whatever_the_control_loop_does_when_the_raylet_is_killed(faulty: Server) -> None:
    took = []
    for moment in range(MOMENTS):
        steady(faulty)
        now = time.time()
        time.sleep(1.0 - now % 1.0 + moment / MOMENTS)
        took.append(back(faulty, lambda: faulty.kill("raylet/raylet")))
    assert max(took) < BACK_S, took
