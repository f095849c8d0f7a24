"""The state of every pool, as `modelyard status` shows it. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modelyard.control.status import ModelStatus, Running, deployed
from modelyard.ray_serve.application_status import State, reason_of, state_of


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """One pool."""

    name: str
    """As in its file."""
    state: State
    """Of its Ray Serve application."""
    replicas: int
    """Replicas that run."""
    replicas_wanted: int
    models: int
    ready: int
    """Models that are READY, in memory or not."""
    resident: int
    """Models that are in memory."""
    cold: int
    """Models that their next request loads."""
    loading: int
    """Models that are being loaded, or wait for it."""
    failed: int
    """Models that cannot be loaded."""
    used_bytes: int
    """Memory of the resident models, in the replica where it is largest."""
    budget_bytes: int
    """Memory budget of each replica."""
    reason: str = ""
    """Why it is not READY; "" if there is no problem."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def pool_statuses(running: Running, statuses: Sequence[ModelStatus]) -> tuple[PoolStatus, ...]:
    """All pools by name, from an observation of Serve and the models in it; not those that Serve is deleting."""
    models = Counter(status.pool for status in statuses)
    ready = Counter(status.pool for status in statuses if status.state == "READY")
    residencies = Counter((status.pool, status.residency) for status in statuses)
    return tuple(
        _status(details, models, ready, residencies)
        for _, details in sorted(running.pools.items())
        if details.get("deployed_app_config")
    )


def _status(
    details: Mapping[str, Any],
    models: Mapping[str, int],
    ready: Mapping[str, int],
    residencies: Mapping[tuple[str, str], int],
) -> PoolStatus:
    args = details["deployed_app_config"]["args"]
    name, seen = args["name"], deployed(details)
    return PoolStatus(
        name=name,
        state=state_of(seen),
        replicas=seen.replica_states.get("RUNNING", 0),
        replicas_wanted=sum(each["target_num_replicas"] for each in details["deployments"].values()),
        models=models[name],
        ready=ready[name],
        resident=residencies[name, "RESIDENT"],
        cold=residencies[name, "COLD"],
        loading=residencies[name, "LOADING"],
        failed=residencies[name, "FAILED"],
        used_bytes=details["unfolded"].used_bytes,
        budget_bytes=args["memory"],
        reason=reason_of(seen),
    )
