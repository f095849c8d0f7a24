"""Finds replicas that have died, in each observation of Serve, and reports them: to the operator, the metrics and the logs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelyard.control.death_log import Death, DeathLog
from modelyard.control.deaths import Cause, Evidence, RayCause, Replicas, Seen, cause_of
from modelyard.control.serve_config import GATEWAY
from modelyard.control.status import Running
from modelyard.control.unlisted_deaths import UnlistedDeaths
from modelyard.control.writes import Writes
from modelyard.inference.running_requests import read_running
from modelyard.replica_files.log_records import LogRecord, append_record
from modelyard.replica_files.paths import ReplicaFiles

WAIT_S = 5.0
"""How long Ray may take to notice that a process has ended."""


class Machine(Protocol):
    """What Ray and the kernel know: `actor_deaths.RayMachine`, or a test."""

    def ray_cause(self, actor_id: str) -> RayCause:
        """Ray's reason for the death of this actor."""

    def kernel_out_of_memory(self) -> int:
        """How many processes the kernel has killed for lack of memory so far."""


class Lost(Protocol):
    """Knows lost requests: `lost_requests.LostRequests`, or a test."""

    def of_replica(self, model: str, replica: str, running: Sequence[str]) -> tuple[str, ...]:
        """The ids of the requests that a replica had, those in `running` included."""


@dataclass(slots=True)
class _Gone:
    seen: Seen
    since: float
    kernel_kills: int
    """As of the last observation that had the replica."""


class DeathWatch:
    """Reports a death one or two seconds after Serve notices it."""

    def __init__(
        self,
        replicas: Path,
        log: DeathLog,
        machine: Machine,
        lost: Lost,
        report: Callable[[Death], object],
        *,
        writes: Writes,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`replicas` is the folder of the replicas' files. `report` is called with each death.

        `now` stamps deaths; `clock` measures how long things take, since the time of day may be set.
        """
        self._folder = replicas
        self._log = log
        self._machine = machine
        self._lost = lost
        self._report = report
        self._writes = writes
        self._now = now
        self._clock = clock
        self._replicas = Replicas()
        self._unlisted = UnlistedDeaths(replicas)
        self._gone: list[_Gone] = []
        self._kernel_kills = machine.kernel_out_of_memory()

    def observe(self, running: Running) -> None:
        """Compare this observation with the one before."""
        now = self._clock()
        gone = [seen for seen in self._replicas.observe(running, now) if seen.replica not in self._unlisted.found]
        unlisted = self._unlisted.find(running.with_replicas.keys() - {GATEWAY}, self._replicas.seen)
        gone += [Seen(files.model, files.replica, "", 0, True, None) for files in unlisted]
        self._gone += [_Gone(seen, now, self._kernel_kills) for seen in gone]
        self._kernel_kills = kills = self._machine.kernel_out_of_memory() if self._gone else self._kernel_kills
        self._gone, waiting = [], self._gone
        for each in waiting:
            found = self._evidence(each, kills)
            if cause := cause_of(found):
                self._died(each.seen, cause, found.fatal)
            elif found.record is None and not found.ray.kind and now - each.since < WAIT_S:
                self._gone.append(each)

    def _evidence(self, gone: _Gone, kernel_kills: int) -> Evidence:
        seen, files = gone.seen, self._files(gone.seen)
        stopping_s = 0.0 if seen.stopping_since is None else gone.since - seen.stopping_since
        record = files.read_exit()
        stopped = record is not None and record.reason == "stopped"
        return Evidence(
            record=record,
            fatal=files.read_fatal(),
            ray=RayCause("") if stopped else self._machine.ray_cause(seen.actor_id),
            kernel_out_of_memory=kernel_kills > gone.kernel_kills,
            was_running=seen.was_running,
            stopping_s=stopping_s,
            local=files.log.exists(),
        )

    def _died(self, seen: Seen, cause: Cause, fatal: str) -> None:
        files = self._files(seen)
        requests = self._lost.of_replica(seen.model, seen.replica, read_running(files.running))
        death = Death(self._now(), seen.model, seen.replica, cause.reason, cause.detail, requests)
        self._report(death)
        self._log.add(death)
        self._writes.attempt(self._log.path, self._log.write)
        if files.log.exists():
            line = LogRecord(death.at, "CRITICAL", "modelyard", death.line, tuple(requests), fatal)
            self._writes.attempt(files.log, lambda: append_record(files.log, line))

    def _files(self, seen: Seen) -> ReplicaFiles:
        return ReplicaFiles(self._folder, seen.model, seen.replica)
