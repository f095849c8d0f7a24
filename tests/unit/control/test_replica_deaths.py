"""Why a replica died, from the files that it leaves and from Ray; and where that is reported."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modelyard.control.death_log import MAX_IDS, RECENT_S, Death, DeathLog, summary
from modelyard.control.death_watch import DeathWatch
from modelyard.control.deaths import Evidence, RayCause, cause_of
from modelyard.control.lost_requests import MAX_RECORDS_A_SECOND, LostRequests
from modelyard.control.status import Running
from modelyard.control.writes import Writes
from modelyard.replica_files.log_records import LogRecord, append_record
from modelyard.replica_files.paths import ExitRecord, ReplicaFiles
from modelyard.telemetry.metrics.declarations import DEATH_REASONS

WORKER_DIED = RayCause(
    "WORKER_DIED", "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR ..."
)
INTENDED = RayCause("WORKER_DIED", "Worker exit type: INTENDED_USER_EXIT Worker exit detail: exit_actor() is called.")
KILLED = RayCause("RAY_KILL", "The actor is dead because it was killed by `ray.kill`.")
EXITED = ExitRecord("exit", "exit code 3, os._exit in model.py:17")
STUCK = ExitRecord("watchdog", "exit code 70: a call of the model held the event loop")
UNHEALTHY = ExitRecord("health_check", "version 1 has been in one call for 31 s")
SEGFAULT = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n"


def evidence(ray: RayCause = WORKER_DIED, record: ExitRecord | None = None, **more: Any) -> Evidence:
    usual = {"fatal": "", "kernel_out_of_memory": False, "was_running": True, "stopping_s": 0.0}
    return Evidence(record=record, ray=ray, **{**usual, **more})


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        (evidence(record=EXITED), "exit", "exit code 3, os._exit in model.py:17"),
        (evidence(record=STUCK), "watchdog", "exit code 70"),
        (evidence(fatal="Timeout (0:00:15)!\nThread ..."), "watchdog", "exit code 1"),
        (evidence(fatal=SEGFAULT), "signal", "SIGSEGV (11)"),
        (evidence(), "signal", "SIGKILL (9), or native code ended the process"),
        (evidence(kernel_out_of_memory=True), "out_of_memory", "the kernel killed processes for lack of memory"),
        (
            evidence(RayCause("out_of_memory", "Memory on the node was 0.97. More.")),
            "out_of_memory",
            "Memory on the node was 0.97",
        ),
        (evidence(KILLED, UNHEALTHY), "health_check", "version 1 has been in one call for 31 s"),
        (evidence(KILLED, stopping_s=1.0), "health_check", "did not respond to Serve's health checks"),
        (evidence(RayCause("NODE_DIED")), "node", "its node died"),
        (evidence(local=False), "unknown", "another machine"),
        (evidence(RayCause(""), EXITED), "exit", "exit code 3"),
        (evidence(record=EXITED, was_running=False), "exit", "exit code 3"),
    ],
)
def test_a_death_has_its_reason(found: Evidence, reason: str, words: str):
    cause = cause_of(found)
    assert cause is not None
    assert cause.reason == reason
    assert reason in DEATH_REASONS
    assert words in cause.detail


@pytest.mark.parametrize(
    "found",
    [
        evidence(record=ExitRecord("stopped", "")),
        evidence(INTENDED),
        evidence(KILLED, stopping_s=66.0),
        evidence(KILLED, was_running=False),
        evidence(RayCause("REF_DELETED")),
        evidence(RayCause("")),
    ],
    ids=[
        "it said so",
        "Ray says so",
        "it did not drain in time",
        "it never started",
        "nobody wants it",
        "nothing is known",
    ],
)
def test_a_replica_that_was_stopped_did_not_die(found: Evidence):
    assert cause_of(found) is None


class OneMachine:
    """Fakes of Ray and of the kernel."""

    def __init__(self) -> None:
        self.causes: dict[str, RayCause] = {}
        self.kills = 0

    def ray_cause(self, actor_id: str) -> RayCause:
        return self.causes.get(actor_id, RayCause(""))

    def kernel_out_of_memory(self) -> int:
        return self.kills


class Lost:
    def of_replica(self, model: str, replica: str, running: Sequence[str]) -> tuple[str, ...]:
        return (f"request of {replica}", *running)


class Watched:
    """A death watch for replicas that the test names."""

    def __init__(self, root: Path) -> None:
        self.machine, self.reported, self.now, self.clock = OneMachine(), [], 1000.0, 5.0
        self.folder, self.log = root / "replicas", DeathLog(root)
        self.watch = DeathWatch(
            self.folder,
            self.log,
            self.machine,
            Lost(),
            self.reported.append,
            writes=Writes(),
            now=lambda: self.now,
            clock=lambda: self.clock,
        )

    def files(self, replica: str) -> ReplicaFiles:
        return ReplicaFiles(self.folder, "iris", replica)

    def observe(self, *replicas: str, state: str = "RUNNING") -> None:
        details = [{"replica_id": name, "actor_id": f"actor {name}", "pid": 7, "state": state} for name in replicas]
        self.watch.observe(Running({"iris": {"deployments": {"model": {"replicas": details}}}}))
        self.now += 1
        self.clock += 1


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_death_is_reported_with_its_requests_and_is_in_the_replicas_log(watched: Watched):
    append_record(watched.files("a").log, LogRecord(1.0, "INFO", "model", "hello"))
    watched.observe("a", "b")
    watched.files("a").write_exit(EXITED)
    watched.observe("b", "c")
    (death,) = watched.reported
    assert (death.model, death.replica, death.reason, death.requests) == ("iris", "a", "exit", ("request of a",))
    assert death.line == ("iris: replica a died: exit code 3, os._exit in model.py:17; 1 request lost (request of a)")
    assert b"exit code 3" in watched.files("a").log.read_bytes()
    assert watched.log.recent(watched.now)["iris"][0].replica == "a"
    watched.observe("b", "c")
    assert len(watched.reported) == 1


def test_a_replica_that_started_and_died_between_two_observations_is_reported_once(watched: Watched):
    watched.observe()
    watched.files("short").write_exit(EXITED)
    watched.files("stopped").write_exit(ExitRecord("stopped", ""))
    watched.files("sick").write_exit(UNHEALTHY)
    watched.files("crashed").fatal.write_text(SEGFAULT)
    watched.files("alive").fatal.touch()
    watched.observe("next")
    assert {death.replica: death.reason for death in watched.reported} == {"short": "exit", "crashed": "signal"}
    watched.observe("short", "next")
    watched.observe("next")
    assert len(watched.reported) == 2


def test_a_replica_whose_fatal_error_follows_is_found_when_the_next_one_opens_its_files(watched: Watched):
    watched.files("a").fatal.parent.mkdir(parents=True)
    watched.files("a").fatal.touch()
    watched.observe()
    watched.files("a").fatal.write_text(SEGFAULT)
    watched.files("b").fatal.touch()
    watched.observe("b")
    assert [death.replica for death in watched.reported] == ["a"]


def test_deaths_of_an_earlier_run_of_the_server_are_not_reported_again(tmp_path: Path):
    Watched(tmp_path).files("a").write_exit(EXITED)
    watched = Watched(tmp_path)
    watched.observe()
    watched.observe("b")
    assert watched.reported == []


def test_a_replica_with_a_record_that_it_was_stopped_is_no_death_whatever_ray_reports(watched: Watched):
    watched.machine.causes["actor a"] = WORKER_DIED
    watched.observe("a")
    watched.observe("a", state="STOPPING")
    watched.files("a").write_exit(ExitRecord("stopped", ""))
    watched.observe()
    assert watched.reported == []


def test_ray_has_limited_time_to_know_the_cause(watched: Watched):
    append_record(watched.files("a").log, LogRecord(1.0, "INFO", "model", "hello"))
    watched.observe("a", "b")
    watched.observe()
    assert watched.reported == []
    watched.machine.causes["actor a"] = WORKER_DIED
    for _ in range(10):
        watched.observe()
    watched.machine.causes["actor b"] = WORKER_DIED
    watched.observe()
    assert [death.replica for death in watched.reported] == ["a"]


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_time_of_day_that_is_set_changes_no_cause(watched: Watched, step_s: float):
    append_record(watched.files("a").log, LogRecord(1.0, "INFO", "model", "hello"))
    watched.observe("a", state="RUNNING")
    watched.observe("a", state="STOPPING")
    watched.now += step_s
    watched.machine.causes["actor a"] = RayCause("RAY_KILL", "ray.kill() was called")
    watched.observe()
    assert [death.reason for death in watched.reported] == ["health_check"]


def test_a_kill_by_the_kernel_for_lack_of_memory_has_its_own_reason(watched: Watched):
    append_record(watched.files("a").log, LogRecord(1.0, "INFO", "model", "hello"))
    watched.machine.causes["actor a"] = WORKER_DIED
    watched.observe("a")
    watched.machine.kills = 1
    watched.observe()
    assert [death.reason for death in watched.reported] == ["out_of_memory"]


def test_a_death_that_cannot_be_written_is_still_reported(watched: Watched, tmp_path: Path):
    watched.observe("a")
    watched.files("a").write_exit(EXITED)
    (tmp_path / "deaths.jsonl").mkdir()
    watched.observe()
    assert [death.reason for death in watched.reported] == ["exit"]


def test_status_counts_those_of_the_last_day(tmp_path: Path):
    log, now = DeathLog(tmp_path), time.time()
    assert log.recent(now) == {}
    for age, replica in ((RECENT_S + 1, "old"), (60, "a"), (30, "b")):
        log.add(Death(now - age, "iris", replica, "exit", "exit code 3", ("r1",)))
        log.write()
    with (tmp_path / "deaths.jsonl").open("ab") as file:
        file.write(b'{"at": 1')
    deaths = log.recent(now)["iris"]
    assert [death.replica for death in deaths] == ["a", "b"]
    assert summary(deaths).startswith("2 replicas have died within a day, the last at 20")
    assert "exit code 3; 1 request lost (r1)" in summary(deaths)


def test_only_some_of_many_lost_requests_are_named():
    death = Death(0.0, "iris", "a", "exit", "exit code 3", [f"r{n}" for n in range(MAX_IDS + 2)])
    assert death.line.endswith("7 requests lost (r0, r1, r2, r3, r4 and 2 more)")


LINE = (
    b'{"model":"iris","client_id":"mine","generated_id":"edge-1","client":"10.0.0.7","status":503,"termination":"SH",'
    b'"server":"SERVE_REPLICA_iris-model-x4k2","frontend":"edge_http","total_ms":12,"bytes":40}'
)


def test_a_lost_request_has_a_line_in_its_models_log_and_belongs_to_one_death(tmp_path: Path):
    lost = LostRequests(tmp_path, tmp_path / "requests", Writes(), now=lambda: 1.5)
    lost.take(LINE)
    lost.take(LINE.replace(b"mine", b"other").replace(b"SERVE_REPLICA_iris-model-x4k2", b"<NOSRV>"))
    lost.take(b"[NOTICE] something else")
    text = (tmp_path / "requests" / "iris.jsonl").read_text()
    first, second = text.splitlines()
    assert '"request_id":"mine"' in first
    assert '"outcome":"ReplicaLost"' in first
    assert '"replica":"x4k2"' in first
    assert '"client":"10.0.0.7"' in first
    assert '"outcome":"NoReplica"' in second
    assert lost.of_replica("iris", "x4k2", ()) == ("mine",)
    assert lost.of_replica("iris", "x4k2", ()) == ()


def test_a_request_whose_batch_ran_is_logged_if_haproxy_logged_nothing(tmp_path: Path):
    lost = LostRequests(tmp_path, tmp_path / "requests", Writes(), now=lambda: 1.5)
    lost.take(LINE)
    assert lost.of_replica("iris", "x4k2", ("quiet", "mine")) == ("quiet", "mine")
    ids = [json.loads(line)["request_id"] for line in (tmp_path / "requests" / "iris.jsonl").read_text().splitlines()]
    assert ids == ["mine", "quiet"]


def test_a_request_without_a_replica_in_haproxys_log_belongs_to_the_replica_that_ran_it(tmp_path: Path):
    lost = LostRequests(tmp_path, tmp_path / "requests", Writes(), now=lambda: 1.5)
    lost.take(LINE.replace(b"SERVE_REPLICA_iris-model-x4k2", b"newest"))
    assert lost.of_replica("iris", "other", ()) == ()
    assert lost.of_replica("iris", "x4k2", ("mine",)) == ("mine",)
    (line,) = (tmp_path / "requests" / "iris.jsonl").read_text().splitlines()
    assert json.loads(line)["outcome"] == "ReplicaLost"


def test_an_outage_does_not_fill_the_disk(tmp_path: Path):
    lost = LostRequests(tmp_path, tmp_path / "requests", Writes(), now=lambda: 1.5)
    for _ in range(MAX_RECORDS_A_SECOND + 100):
        lost.take(LINE)
    assert len((tmp_path / "requests" / "iris.jsonl").read_text().splitlines()) == MAX_RECORDS_A_SECOND
    assert len(lost.of_replica("iris", "x4k2", ())) == MAX_RECORDS_A_SECOND + 100
