"""The catalogue: the configured models as clients see them, running or not; and the errors for requests that no replica got."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.config.url_paths import APPLICATION_PREFIX
from modelyard.errors import ModelNotReady
from modelyard.protocols.unknown_model import TRITON_UNKNOWN_MODEL, unknown_model
from modelyard.ray_serve.application import CatalogueEntry
from modelyard.ray_serve.application_status import WAITING_TO_LOAD, Deployed, State, reason_of, state_of
from modelyard.ray_serve.pool_report import ModelReport, PoolReports, deployed_in_pool, furthest_report


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One configured model and its current state."""

    configured: CatalogueEntry
    state: State
    reason: str = ""
    scaled_to_zero: bool = False
    """READY without a replica."""
    report: ModelReport | None = None
    """Of a pooled model, from the replica in which most of it is there; None if no replica has reported it."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.configured.name

    @property
    def route(self) -> str:
        """The path at which it answers."""
        return self.configured.url_path

    @property
    def application(self) -> str:
        """Serve's application that serves it: its own, or its pool's."""
        return self.configured.served.application if self.configured.served else self.name

    @property
    def pool(self) -> str:
        """The name of its pool; "" if the model has replicas of its own."""
        return self.application.removeprefix(APPLICATION_PREFIX) if self.is_pooled else ""

    @property
    def is_pooled(self) -> bool:
        """Whether its replicas are those of a pool."""
        return self.configured.served is not None and bool(self.configured.served.fingerprint)

    @property
    def residency(self) -> str:
        """Of a pooled model: RESIDENT, COLD, LOADING or FAILED; "" if that is not known, and of a model without a pool."""
        return self.report.residency if self.report else ""

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions of its application, newest first; none if it has no application."""
        return tuple(version.number for version in self.configured.served.versions) if self.configured.served else ()

    @property
    def version_labels(self) -> tuple[str, ...]:
        """The labels of its versions."""
        return tuple(self.configured.served.version_labels) if self.configured.served else ()

    def as_json(self) -> dict[str, Any]:
        """One element of `GET /models`."""
        document: dict[str, Any] = {
            "name": self.name,
            "state": self.state,
            "url": self.route,
            "description": self.configured.description,
        }
        if served := self.configured.served:
            document |= {
                "runtime": served.runtime,
                "versions": [{"version": str(each.number), "digest": each.digest} for each in served.versions],
                "default_version": str(served.default),
                "version_labels": {label: str(number) for label, number in served.version_labels.items()},
            }
        if self.is_pooled:
            document["pool"] = self.pool
        if self.report:
            document |= {
                "residency": self.report.residency,
                "resident_bytes": self.report.resident_bytes,
                "load_s": round(self.report.load_s, 3),
            }
        if self.reason:
            document["reason"] = self.reason
        return document


GetEntries = Callable[[], Awaitable[Mapping[str, ModelEntry]]]
"""Returns the current models by name."""


def build_catalogue(
    configured: Sequence[CatalogueEntry],
    deployed: Mapping[str, Deployed],
    reports: Mapping[str, Mapping[str, ModelReport]] = {},
) -> dict[str, ModelEntry]:
    """Entries by name, from the gateway's settings, the status of Serve's applications and what the replicas of pools report."""
    return {model.name: _entry(model, _deployed(model, deployed, reports), reports) for model in configured}


def _deployed(model: CatalogueEntry, deployed: Mapping[str, Deployed], reports: PoolReports) -> Deployed | None:
    served = model.served
    if served is None or not served.fingerprint:
        return deployed.get(model.name)
    return deployed_in_pool(deployed.get(served.application), model.name, served.fingerprint, reports)


def _entry(model: CatalogueEntry, deployed: Deployed | None, reports: PoolReports) -> ModelEntry:
    reason = model.refused or (reason_of(deployed) if deployed else "")
    state = state_of(deployed)
    if deployed is None and model.waiting:
        state, reason = "LOADING", WAITING_TO_LOAD
    scaled_to_zero = (
        deployed is not None and deployed.status == "RUNNING" and not deployed.replica_states.get("RUNNING")
    )
    is_pooled = model.served is not None and bool(model.served.fingerprint)
    report = furthest_report(model.name, reports, reports) if is_pooled else None
    return ModelEntry(model, state, reason, scaled_to_zero, report)


def required_not_ready(entries: Mapping[str, ModelEntry]) -> list[str]:
    """Names of the required models that are not READY. The server is ready if there are none."""
    return [entry.name for entry in entries.values() if entry.configured.required and entry.state != "READY"]


def ready_names(entries: Mapping[str, ModelEntry]) -> list[str]:
    """Names of the models that are READY."""
    return [entry.name for entry in entries.values() if entry.state == "READY"]


def models_with_replicas(entries: Mapping[str, ModelEntry]) -> dict[str, list[str]]:
    """Names of the models that are READY and not scaled to zero, by application."""
    names: dict[str, list[str]] = {}
    for entry in entries.values():
        if entry.state == "READY" and not entry.scaled_to_zero:
            names.setdefault(entry.application, []).append(entry.name)
    return names


def find_model(name: str, entries: Mapping[str, ModelEntry], message: str = TRITON_UNKNOWN_MODEL) -> ModelEntry:
    """The model of this name. Raises ModelNotFound with this message."""
    entry = entries.get(name)
    if entry is None:
        raise unknown_model(name, entries, message)
    return entry


def not_ready(entry: ModelEntry) -> ModelNotReady:
    """The error for a configured model without a replica."""
    if entry.state == "READY":
        return ModelNotReady(f"no replica of model {entry.name!r} is available")
    error = ModelNotReady(f"model {entry.name!r} is {entry.state}" + (f": {entry.reason}" if entry.reason else ""))
    error.retry_after_s = 30 if entry.state == "UNAVAILABLE" else 1
    return error
