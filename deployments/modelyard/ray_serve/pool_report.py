"""What the replicas of a pool report of their models: control and the gateway show it as the model's state."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from modelyard.ray_serve.application_status import Deployed, failure_message

Residency = Literal["RESIDENT", "COLD", "LOADING", "FAILED"]


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model in one replica."""

    residency: Residency
    """FAILED: nothing can be served. COLD: the next request loads it."""
    fingerprint: str = ""
    """Of the arguments that it serves; "" if it serves nothing. See `PoolMember.fingerprint`."""
    rejected: str = ""
    """The fingerprint of the arguments that could not be loaded, or ""."""
    reason: str = ""
    """Why, for the operator."""
    resident_bytes: int = 0
    """Measured."""
    load_s: float = 0.0
    """Duration of the last load."""
    loads: int = 0
    evictions: int = 0
    had_requests: bool = False
    """Whether it has had a request in this process."""

    @property
    def serves(self) -> bool:
        """Whether requests are answered, if necessary after a load."""
        return bool(self.fingerprint)


PoolReports = Mapping[str, Mapping[str, ModelReport]]
"""By Serve's id of the replica, then by model."""


@dataclass(frozen=True, slots=True)
class PooledState:
    """A model's state over the replicas of its pool."""

    serving: tuple[str, ...]
    """The replicas that answer requests for it."""
    through: bool
    """Whether every replica serves the current arguments."""
    reason: str
    """Why a replica could not load them; "" if none failed."""
    furthest: ModelReport | None
    """Of the replica in which most of the model is there."""
    had_requests: bool
    """Whether a replica has had a request for it."""


_BY_PROGRESS: tuple[Residency, ...] = ("FAILED", "COLD", "LOADING", "RESIDENT")


def deployed_in_pool(pool: Deployed | None, model: str, fingerprint: str, reports: PoolReports) -> Deployed | None:
    """The status of a pooled model in the form of an application's, from the status of its pool's; None without a pool."""
    if pool is None:
        return None
    state = state_in_pool(model, fingerprint, [each for each, models in reports.items() if model in models], reports)
    return as_application(pool, state)


def as_application(pool: Deployed, state: PooledState) -> Deployed:
    """The status of a pooled model in the form of an application's. Without a replica, it has the message of its pool."""
    running = pool.replica_states.get("RUNNING", 0)
    if not running:  # never DEPLOY_FAILED: that the pool failed says nothing about the model's configuration
        return Deployed("DEPLOYING", {}, pool.message)
    serving = min(len(state.serving), running)
    status = "DEPLOY_FAILED" if state.reason else "RUNNING" if serving and state.through else "DEPLOYING"
    return Deployed(status, {"RUNNING": serving} if serving else {}, failure_message(state.reason))


def state_in_pool(model: str, fingerprint: str, replicas: Collection[str], reports: PoolReports) -> PooledState:
    """The state of a model whose current arguments have this fingerprint. `replicas` are the ids of the replicas that run."""
    found = {replica: reports[replica][model] for replica in replicas if model in reports.get(replica, {})}
    reasons = (each.reason for each in found.values() if each.rejected == fingerprint)
    return PooledState(
        serving=tuple(replica for replica, each in found.items() if each.serves),
        through=len(found) == len(replicas) > 0 and all(each.fingerprint == fingerprint for each in found.values()),
        reason=next(reasons, ""),
        furthest=furthest_report(model, found, reports),
        had_requests=any(each.had_requests for each in found.values()),
    )


def furthest_report(model: str, replicas: Iterable[str], reports: PoolReports) -> ModelReport | None:
    """The report of that one of these replicas in which most of a model is there; None if none has the model."""
    found = [reports[replica][model] for replica in replicas if model in reports[replica]]
    return max(found, key=lambda each: _BY_PROGRESS.index(each.residency), default=None)
