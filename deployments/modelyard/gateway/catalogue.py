"""The models as clients may know them: configured, running or not. Pure."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.ray_serve.application_status import WAITING_TO_LOAD, Deployed, State, reason_of, state_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One configured model and how it is now."""

    name: str
    route: str
    required: bool
    state: State
    reason: str
    about: Mapping[str, Any]
    """Description, runtime and versions, where they are known."""
    asleep: bool = False
    """READY without a replica: scaled to zero."""

    def as_json(self) -> dict[str, Any]:
        """One element of `GET /models`."""
        told: dict[str, Any] = {"name": self.name, "state": self.state, "url": self.route, **self.about}
        if self.reason:
            told["reason"] = self.reason
        return told


SHOWN = ("description", "runtime", "versions", "default_version", "version_labels")
Look = Callable[[], Awaitable[Mapping[str, Entry]]]
"""Gives the models by name, as they are now."""


def catalogue(configured: Sequence[Mapping[str, Any]], deployed: Mapping[str, Deployed]) -> dict[str, Entry]:
    """Entries by name, from the gateway's user_config and what Serve says now."""
    return {model["name"]: _entry(model, deployed.get(model["name"])) for model in configured}


def _entry(model: Mapping[str, Any], deployed: Deployed | None) -> Entry:
    reason = model["refused"] or (reason_of(deployed) if deployed else "")
    state = state_of(deployed)
    if deployed is None and model.get("waiting"):
        state, reason = "LOADING", WAITING_TO_LOAD
    about = {key: model[key] for key in SHOWN if key in model}
    asleep = deployed is not None and deployed.status == "RUNNING" and not deployed.replica_states.get("RUNNING")
    return Entry(model["name"], model["route"], model["required"], state, reason, about, asleep)


def waiting_for(entries: Mapping[str, Entry]) -> list[str]:
    """Names of required models that are not READY; the server is ready when there are none."""
    return [entry.name for entry in entries.values() if entry.required and entry.state != "READY"]


def ready(entries: Mapping[str, Entry]) -> list[str]:
    """Names of the models that are READY."""
    return [entry.name for entry in entries.values() if entry.state == "READY"]


def awake(entries: Mapping[str, Entry]) -> list[str]:
    """Names of the models that can be asked without waking any."""
    return [entry.name for entry in entries.values() if entry.state == "READY" and not entry.asleep]
