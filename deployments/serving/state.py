"""A model's state in Triton's words, from what Ray Serve says of its application. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["READY", "LOADING", "UNAVAILABLE"]

_RAISED = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?([A-Z]\w*(?:Error|Exception|Failed|Changed|Unreadable)): (.*)", re.MULTILINE
)
_OWN_WORDS = frozenset(("LoadError", "WarmupFailed", "ArtefactChanged", "ArtefactUnreadable", "TimeoutError"))
"""Errors whose message is written for the operator; of others the class is told too."""
_DEAD = "The actor died"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What Serve says of one application."""

    status: str
    """Serve's ApplicationStatus."""
    replica_states: Mapping[str, int]
    """Replicas by Serve's ReplicaState."""
    message: str = ""


def state_of(deployed: Deployed | None) -> State:
    """READY while any replica answers, even where an update has failed: the old version serves on."""
    if deployed is None:
        return "UNAVAILABLE"
    if deployed.replica_states.get("RUNNING", 0) > 0 or deployed.status == "RUNNING":
        return "READY"  # RUNNING with no replica is scaled to zero: the next request starts one
    failed = deployed.status in ("DEPLOY_FAILED", "UNHEALTHY") or reason_in(deployed.message)
    return "UNAVAILABLE" if failed else "LOADING"


def reason_in(message: str) -> str:
    """The operator's reason in a Serve message, which holds a traceback or two; "" where it holds none."""
    raised: list[tuple[str, str]] = _RAISED.findall(message)
    for kind, text in reversed(raised):
        if kind in _OWN_WORDS:
            return text.strip()
    if _DEAD in message:
        return "the replica's process died while it started (out of memory, or killed)"
    if raised:
        kind, text = raised[-1]
        return f"{kind}: {text}".strip()
    return ""
