"""One model's file, as a frozen spec. Field names are the YAML's keys; descriptions become the editor's hover text."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"

Name = Annotated[str, Field(pattern=NAME)]
Bytes = Annotated[int, Field(ge=1)]
"""A size in bytes; YAML may write it as 512MiB, 1.5GB or a plain number."""


class Spec(BaseModel):
    """Base of everything read from YAML: frozen, strict, and with no room for unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class LatestVersions(Spec):
    """Serve the newest `latest` versions."""

    latest: int = Field(ge=1, description="How many of the newest versions are served")


class Replicas(Spec):
    """How many replicas run, and when there should be more."""

    min: int = Field(default=1, ge=0, description="Replicas kept running; 0 scales to zero when nobody asks")
    max: int = Field(default=1, ge=1, description="Replicas at most")
    target_in_flight: float = Field(default=8, gt=0, description="Requests in flight and queued that one replica is meant for")


class Batching(Spec):
    """How requests that wait at the same time run together."""

    max_size: int = Field(default=64, ge=1, description="Rows in one call of the model; 1 turns batching off")
    max_delay_ms: float = Field(default=0, ge=0, description="Wait this long for more rows, even where the model is idle")


class Limits(Spec):
    """What one replica takes on before it refuses."""

    queue: int = Field(default=256, ge=1, description="Requests that may wait in a replica; one more is refused with 429")
    timeout_s: float = Field(default=10, gt=0, description="Seconds until a request is answered with 504")
    body: Bytes = Field(default=64 * 2**20, description="Largest request body")


class Resources(Spec):
    """What one replica reserves."""

    cpus: float = Field(default=1, gt=0, description="CPU cores; also the model's number of threads, rounded up")
    memory: Bytes | None = Field(default=None, description="Memory the model may take before it fails alone")


class ModelSpec(Spec):
    """A model's file in `serve_config/models/`. Only `name` is needed."""

    name: Name = Field(description="The model's name, and its folder in the repository unless `path` says otherwise")
    description: str = ""
    path: str | None = Field(default=None, description="The model's folder inside the repository; default: its name")
    route: str | None = Field(default=None, description="URL path; default: /models/<name>")
    runtime: str | None = Field(
        default=None,
        pattern=r"^(onnx|sklearn|python:[A-Za-z_][\w.]*:[A-Za-z_]\w*)$",
        description="onnx, sklearn or python:<module>:<Class>; default: from the artefact",
    )
    versions: Literal["latest", "all"] | LatestVersions | list[Annotated[int, Field(ge=1)]] = Field(
        default="latest", description="latest, all, {latest: N} or a list of version numbers"
    )
    required: bool = Field(default=True, description="Whether the server is ready only when this model is")
    trusted: bool = Field(default=False, description="Allow artefacts that run code when loaded (joblib, pickle, python)")
    any_sklearn_version: bool = Field(default=False, description="Load a model that another scikit-learn version made")
    labels: list[str] = Field(default=[], description="Names of the classes, by their index")
    replicas: Replicas = Replicas()
    batching: Batching = Batching()
    limits: Limits = Limits()
    resources: Resources = Resources()
    load_timeout_s: float = Field(default=120, gt=0, description="Seconds a replica may take to load and warm the model")
    options: dict[str, Any] = Field(default={}, description="Passed to a python model's load()")

    @property
    def url_path(self) -> str:
        """Where clients find the model; never ends in a slash."""
        return self.route or f"/models/{self.name}"

    @property
    def folder(self) -> str:
        """The model's folder, relative to the repository."""
        return self.path or self.name


def is_model_name(text: str) -> bool:
    """Whether a model may be called this."""
    return re.match(NAME, text) is not None
