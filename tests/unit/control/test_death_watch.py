"""How long the cause of a death is waited for, and which times and counts decide it."""

from pathlib import Path

import pytest

from modelyard.control.deaths import RayCause
from modelyard.replica_files.log_records import LogRecord, append_record
from tests.unit.control.test_replica_deaths import KILLED, WORKER_DIED, Watched


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """With the log of a replica `a`, which therefore ran on this machine."""
    watched = Watched(tmp_path)
    append_record(watched.files("a").log, LogRecord(1.0, "INFO", "model", "hello"))
    return watched


@pytest.mark.parametrize(("seconds", "reported"), [(0, True), (5, True), (6, False)])
def test_ray_has_five_seconds_to_know_the_cause(watched: Watched, seconds: int, reported: bool):
    watched.observe("a")
    for _ in range(seconds):
        watched.observe()
    watched.machine.causes["actor a"] = WORKER_DIED
    watched.observe()
    assert bool(watched.reported) is reported


@pytest.mark.parametrize(("seconds", "reasons"), [(1, ["health_check"]), (66, [])])
def test_a_replica_that_serve_kills_at_once_failed_and_one_that_did_not_drain_in_time_did_not(
    watched: Watched, seconds: int, reasons: list[str]
):
    watched.clock = 1000.0
    watched.machine.causes["actor a"] = KILLED
    watched.observe("a")
    for _ in range(seconds):
        watched.observe("a", state="STOPPING")
    watched.observe()
    assert [death.reason for death in watched.reported] == reasons


def test_kills_of_the_kernel_before_the_death_are_not_its_cause(watched: Watched):
    watched.machine.kills = 3
    watched.observe("a", "b")
    append_record(watched.files("b").log, LogRecord(1.0, "INFO", "model", "hello"))
    watched.machine.causes |= {"actor a": RayCause(""), "actor b": WORKER_DIED}
    watched.observe("b")
    watched.observe()
    assert [(death.replica, death.reason) for death in watched.reported] == [("b", "signal")]
