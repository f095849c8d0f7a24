"""Ray's own processes and the server's, killed: they are back with what was served."""

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
"""From the death to the first answer, on two cores that do nothing else. A busy machine takes longer."""
MOMENTS = 20
ASK = {"instances": [4]}


def back(server: Server, harm: Callable[[], None], within_s: float = CHANGE_S) -> float:
    """Seconds from the harm to the first answer of the next start, which is waited for to its end."""
    starts = server.printed().count("starting Ray Serve")
    begun = time.monotonic()
    harm()
    server.wait_for(lambda: server.printed().count("starting Ray Serve") > starts, within_s, "the next start")
    server.wait_for(lambda: server.answers("pair", ASK), within_s, "an answer")
    seconds = time.monotonic() - begun
    server.wait_for(lambda: server.printed().count(UP_LINE) > starts, within_s, "the end of the start")
    settled(server)
    return seconds


def steady(server: Server) -> None:
    """Up for so long that the next death counts as the first; else the pause before a start grows."""
    until = time.monotonic() + STEADY_S
    server.wait_for(lambda: time.monotonic() > until)


@pytest.mark.parametrize("part", ["log_monitor.py", "dashboard/dashboard.py", "_private/monitor.py"])
def test_ray_starts_nothing_that_no_model_needs(faulty: Server, part: str) -> None:
    """It counts as dead when any process has died that it started."""
    assert not any(part in line for line in faulty.processes().values())


@pytest.mark.skipif(not LONG, reason="starts of Ray; `make faults` runs them")
@pytest.mark.parametrize("part", ["raylet/raylet", "gcs_server", "modelyard.cli.server_process", ""])
def test_the_server_is_back_when_ray_or_its_process_is_killed_or_all_of_them_at_once(faulty: Server, part: str) -> None:
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
def test_the_server_is_back_when_the_raylet_is_killed_while_the_controller_does_not_answer(faulty: Server) -> None:
    steady(faulty)
    with suppress(ProcessLookupError), frozen(faulty.pids("ray::ServeController")[0]):
        time.sleep(2)  # the control loop waits for its answer by now
        seconds = back(faulty, lambda: faulty.kill("raylet/raylet"))
    assert seconds < BACK_S


@pytest.mark.skipif(not LONG, reason="twenty starts of Ray; `make faults` runs them")
@pytest.mark.timeout(7200)
def test_the_server_is_back_whatever_the_control_loop_does_when_the_raylet_is_killed(faulty: Server) -> None:
    took = []
    for moment in range(MOMENTS):
        steady(faulty)
        now = time.time()
        time.sleep(1.0 - now % 1.0 + moment / MOMENTS)
        took.append(back(faulty, lambda: faulty.kill("raylet/raylet")))
    assert max(took) < BACK_S, took
