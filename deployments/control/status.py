"""The state of every model, from what Serve runs and what the files ask for. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deployments.control.applications import GATEWAY
from deployments.control.running import Running
from deployments.serving.state import Deployed, State, reason_in, state_of


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One row of `modelyard status`."""

    name: str
    state: State
    versions: tuple[str, ...]
    digest: str
    """Of the newest version that was asked for."""
    runtime: str
    replicas: int
    """Running now."""
    replicas_wanted: int
    url: str
    reason: str
    """Why it is not READY, or why its last change did not take; "" where all is well."""
    changing: bool
    """A change is under way."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def model_statuses(running: Running, refused: Mapping[str, str], origin: str) -> tuple[ModelStatus, ...]:
    """All models by name; `refused` are reasons by model from the files, `origin` is the server's scheme, host and port."""
    names = sorted({*running.applications, *refused} - {GATEWAY})
    return tuple(_status(name, running.applications.get(name), refused.get(name, ""), origin) for name in names)


def deployed(details: Mapping[str, Any]) -> Deployed:
    """Serve's ApplicationDetails as `serving.state` reads them."""
    counts: dict[str, int] = {}
    messages = []
    for deployment in details["deployments"].values():
        messages.append(deployment["message"])
        for replica in deployment["replicas"]:
            state = str(getattr(replica["state"], "value", replica["state"]))
            counts[state] = counts.get(state, 0) + 1
    status = str(getattr(details["status"], "value", details["status"]))
    return Deployed(status, counts, "\n".join(messages) or details["message"])


def _status(name: str, details: Mapping[str, Any] | None, refused: str, origin: str) -> ModelStatus:
    if details is None:
        return ModelStatus(name, "UNAVAILABLE", (), "", "", 0, 0, "", refused, changing=False)
    seen = deployed(details)
    args = (details.get("deployed_app_config") or {}).get("args", {})
    versions = args.get("versions", [])
    wanted = sum(deployment["target_num_replicas"] for deployment in details["deployments"].values())
    state = state_of(seen)
    failed = reason_in(seen.message) or (seen.message.strip() if state == "UNAVAILABLE" else "")
    return ModelStatus(
        name=name,
        state=state,
        versions=tuple(str(number) for number, _ in versions),
        digest=versions[0][1] if versions else "",
        runtime=args.get("runtime", ""),
        replicas=seen.replica_states.get("RUNNING", 0),
        replicas_wanted=wanted,
        url=f"{origin}{details['route_prefix']}/predict",
        reason=refused or failed,
        changing=seen.status in ("DEPLOYING", "DELETING", "NOT_STARTED") and not failed,
    )
