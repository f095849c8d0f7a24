"""Which replicas have died, and why, from the files that they leave and from what Ray knows. Pure.

A replica that Serve stops records that before its process ends. Ray knows that a process ended but not its exit code, so the
process records that too, if it can. A process that ends by SIGKILL leaves no record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard.control.serve_config import GATEWAY
from modelyard.control.status import Running
from modelyard.ray_serve.application_status import text_of
from modelyard.replica_files.paths import TIMEOUT_PREFIX, ExitRecord, signal_of

STOPPED_BY_FORCE_S = 30.0
"""A replica that Serve kills at once failed its health check; one that it kills later did not drain in time."""
INTENDED = ("INTENDED_USER_EXIT", "INTENDED_SYSTEM_EXIT")
"""Part of Ray's message about a worker that exited normally."""


@dataclass(frozen=True, slots=True)
class RayCause:
    """Why an actor is dead, by Ray (ActorDeathCause in common.proto)."""

    kind: str
    """out_of_memory, or the reason of ActorDiedErrorContext; "" if Ray does not know it."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a replica that is gone."""

    record: ExitRecord | None
    fatal: str
    """What Python's faulthandler wrote."""
    ray: RayCause
    kernel_out_of_memory: bool
    """Whether the kernel killed a process of this machine for lack of memory meanwhile."""
    was_running: bool
    stopping_s: float
    """Seconds for which Serve was stopping it."""
    local: bool = True
    """Whether it ran on this machine, where its record is."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a replica died."""

    reason: str
    """One of `modelyard.telemetry.metrics.declarations.DEATH_REASONS`."""
    detail: str


@dataclass(slots=True)
class Seen:
    """A replica that exists."""

    model: str
    replica: str
    actor_id: str
    """Hexadecimal; "" until Serve knows it."""
    pid: int
    was_running: bool
    stopping_since: float | None


@dataclass(slots=True)
class Replicas:
    """The replicas of all models, from one observation to the next."""

    seen: dict[str, Seen] = field(default_factory=dict)

    def observe(self, running: Running, now: float) -> list[Seen]:
        """The replicas that are gone since the last observation."""
        there: dict[str, Seen] = {}
        for model, details in running.with_replicas.items():
            if model != GATEWAY:
                for replica in _replicas(details):
                    there[replica["replica_id"]] = self._known(model, replica, now)
        gone = [seen for replica, seen in self.seen.items() if replica not in there]
        self.seen = there
        return gone

    def _known(self, model: str, replica: Mapping[str, Any], now: float) -> Seen:
        seen = self.seen.get(replica["replica_id"]) or Seen(model, replica["replica_id"], "", 0, False, None)
        state = text_of(replica["state"])
        seen.actor_id = replica.get("actor_id") or seen.actor_id
        seen.pid = replica.get("pid") or seen.pid
        seen.was_running = seen.was_running or state == "RUNNING"
        if state == "STOPPING" and seen.stopping_since is None:
            seen.stopping_since = now
        return seen


def cause_of(found: Evidence) -> Cause | None:
    """Why it died; None if it was stopped, or did not start for a reason that Serve reports."""
    record = found.record
    if record is not None and record.reason == "stopped":
        return None
    if found.ray.kind == "out_of_memory":
        return Cause("out_of_memory", f"killed by Ray's memory monitor: {_first_sentence(found.ray.message)}")
    if record is not None and record.reason in ("exit", "watchdog"):
        return Cause(record.reason, record.detail)
    if found.fatal.startswith(TIMEOUT_PREFIX):
        return Cause("watchdog", "exit code 1: a call of the model held Python's interpreter lock for too long")
    if number := signal_of(found.fatal):
        return Cause("signal", f"{number.name} ({number.value}); its log has the stack")
    if record is not None:
        return Cause("health_check", f"failed its health check: {record.detail}")
    return _by_ray(found)


def _by_ray(found: Evidence) -> Cause | None:
    kind = found.ray.kind
    if kind == "NODE_DIED":
        return Cause("node", "its node died")
    if kind == "RAY_KILL" and found.was_running and found.stopping_s < STOPPED_BY_FORCE_S:
        return Cause("health_check", "did not respond to Serve's health checks")
    if kind != "WORKER_DIED" or any(word in found.ray.message for word in INTENDED):
        return None
    if not found.local:
        return Cause("unknown", "its process ended on another machine; Ray gives no reason")
    if found.kernel_out_of_memory:
        return Cause("out_of_memory", "SIGKILL (9), while the kernel killed processes for lack of memory")
    return Cause("signal", "SIGKILL (9), or native code ended the process: there is no record")


def _replicas(details: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (replica for deployment in details["deployments"].values() for replica in deployment["replicas"])


def _first_sentence(text: str) -> str:
    return text.strip().partition(". ")[0].partition("\n")[0][:300]
