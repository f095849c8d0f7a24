"""What the control plane writes into a Serve application and its replicas read: typed, as plain JSON values on Serve's side.

`args` restart an application's replicas when they change. Settings apply in place: those of a model alone are its deployment's
`user_config`; those of the gateway and of pools come from the hub (`live_settings`).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer

from modelyard.config.model_spec import Limits, ModelSpec
from modelyard.config.server_spec import TracingSpec
from modelyard.repository.resolve import ServedVersion

MODEL_DEPLOYMENT = "model"
"""The one deployment of a model's or a pool's application."""
GATEWAY_DEPLOYMENT = "gateway"
"""The one deployment of the gateway's application."""


class PlainValues(BaseModel):
    """Frozen and strict; converts to plain values and back."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def to_plain(self) -> dict[str, Any]:
        """Values that Serve's JSON holds."""
        return self.model_dump(mode="json")

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """From what `to_plain` returned. Raises ValidationError, a ValueError, for what another release wrote."""
        return cls.model_validate_json(json.dumps(values))


class BatchSettings(PlainValues):
    """The part of `batching` that applies in place. `independent_rows` decides what is proved at load, so it restarts."""

    max_size: int
    max_delay_ms: float


class ModelSettings(PlainValues):
    """What changes in a model without a restart of its replicas. The fields have the names of ModelSpec's."""

    description: str
    default: int
    """The number of the version that answers requests which name none."""
    version_labels: dict[str, int]
    limits: Limits
    batching: BatchSettings

    @classmethod
    def of(cls, spec: ModelSpec, default: int) -> Self:
        """The settings in a model's spec; `default` is the number of its default version."""
        return cls(
            description=spec.description,
            default=default,
            version_labels=spec.version_labels,
            limits=spec.limits,
            batching=BatchSettings(max_size=spec.batching.max_size, max_delay_ms=spec.batching.max_delay_ms),
        )

    def applied_to(self, spec: ModelSpec) -> ModelSpec:
        """The spec of ModelArgs with these settings.

        Its `batching.max_size` is what the replica proved at load: a larger batch is never made, whatever the setting.
        """
        size = min(self.batching.max_size, spec.batching.max_size)
        batching = {"max_size": size, "max_delay_ms": self.batching.max_delay_ms}
        return spec.model_copy(
            update={
                "description": self.description,
                "limits": self.limits,
                "batching": spec.batching.model_copy(update=batching),
            }
        )


OUTSIDE_ARGS: Mapping[str, Any] = {
    "replicas": True,  # Serve scales
    "required": True,  # the gateway's catalogue has it
    **dict.fromkeys(("pool", "load", "pinned"), True),  # PoolMember has them
    **dict.fromkeys(ModelSettings.model_fields, True),
    "batching": {"max_delay_ms"},
}
"""The fields of a spec that are not in ModelArgs. A field that is not named here or in ModelSettings restarts replicas."""


class RequestLogArgs(PlainValues):
    """Where a replica logs requests, and which; see `telemetry.request_log.LogPlace`."""

    folder: Path
    share: float
    slow_s: float
    behind_edge: bool


class ModelArgs(PlainValues):
    """One model of a replica. All that could change an answer is here, so that a change of it restarts the replica."""

    spec: ModelSpec
    """Without what OUTSIDE_ARGS names. Its `batching.max_size` is the largest batch that the replica proves at load."""
    runtime: str
    versions: tuple[ServedVersion, ...] = Field(min_length=1)
    """Newest first, with the digests of their artefacts."""
    repository: Path
    replicas: Path
    """The folder of the replicas' own files."""
    request_log: RequestLogArgs
    tracing: TracingSpec | None

    @field_serializer("spec")
    def _without_settings(self, spec: ModelSpec) -> dict[str, Any]:
        return spec.model_dump(mode="json", exclude=dict(OUTSIDE_ARGS))

    def proving(self, max_size: int) -> Self:
        """The same for replicas that prove batches of up to this size at load."""
        batching = self.spec.batching.model_copy(update={"max_size": max_size})
        return self.model_copy(update={"spec": self.spec.model_copy(update={"batching": batching})})


class PoolMember(PlainValues):
    """One model of a pool. A pool's settings are the plain values of these by name: a change of one reads that one alone."""

    args: ModelArgs
    settings: ModelSettings
    load: Literal["eager", "lazy"]
    """When it is loaded: as soon as there is room, or at its first request."""
    pinned: bool
    """Whether it stays in memory."""

    @staticmethod
    def fingerprint(args: Mapping[str, Any]) -> str:
        """Of the plain values of ModelArgs: replicas report with it which configuration of the model they serve."""
        return hashlib.blake2b(json.dumps(args, sort_keys=True).encode(), digest_size=8).hexdigest()


class PoolArgs(PlainValues):
    """A pool: one replica holds many models. A change restarts the replicas; the models are the settings, and change in place."""

    name: str
    application: str
    memory: int
    """Bytes that the models of one replica may use."""
    cpus: float
    replicas: Path
    """The folder of the replicas' own files."""


class ServedModel(PlainValues):
    """What a model's application serves, for the gateway's catalogue."""

    route: str
    runtime: str
    versions: tuple[ServedVersion, ...]
    """Newest first."""
    default: int
    """The number of the version that answers requests which name none."""
    version_labels: dict[str, int]
    application: str
    """The name of Serve's application: the model's own, or its pool's."""
    fingerprint: str = ""
    """Of a pooled model; see `PoolMember.fingerprint`."""


class CatalogueEntry(PlainValues):
    """A configured model in the gateway's catalogue."""

    name: str
    route: str
    """The route in its file. Its application may still have another one."""
    required: bool
    description: str
    refused: str = ""
    """Why its configuration is not served; "" if it is."""
    waiting: bool = False
    """Whether its application waits until other models have loaded."""
    served: ServedModel | None = None
    """None if it has no application."""

    @property
    def url_path(self) -> str:
        """The path at which it answers."""
        return self.served.route if self.served else self.route

    def amended(self, *, served: ServedModel | None = None, refused: str = "", waiting: bool = False) -> Self:
        """The same model with these values in place of those in the entry. An empty value keeps what is in the entry."""
        changes = {"served": served, "refused": refused, "waiting": waiting}
        return self.model_copy(update={key: value for key, value in changes.items() if value})


class GatewaySettings(PlainValues):
    """What changes in the gateway without a restart: the catalogue."""

    models: tuple[CatalogueEntry, ...]


class GatewayArgs(PlainValues):
    """The gateway."""

    body_limit: int
    """Largest request body, in bytes."""
