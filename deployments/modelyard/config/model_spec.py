"""One model's YAML file as a frozen spec. Field names are the YAML's keys; descriptions are the editor's hover text."""

import re
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from modelyard.config import url_paths
from modelyard.config.inputs_spec import Inputs
from modelyard.config.size import BodyBytes, MemoryBytes
from modelyard.config.spec_base import MAX_TIMEOUT_S, Spec, expected, rejected
from modelyard.config.versions_spec import LABEL, DefaultVersion, Version, Versions

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
RUNTIME = r"^(onnx|sklearn|python:[A-Za-z_][\w.]*:[A-Za-z_]\w*)$"
FOLDER = r"^[^/\x00-\x1f\x7f\\]+(/[^/\x00-\x1f\x7f\\]+)*$"
RESERVED_NAMES = ("gateway",)
"""The server's own Ray Serve applications. A model's application has the model's name."""
_OFF_WORDS = ("off", "of", "no", "none", "never", "disabled")
_NULL_WORDS = ("", "none", "null", "nil", "no", "off")

Name = Annotated[str, Field(pattern=NAME)]


class Replicas(Spec):
    """The bounds of autoscaling, and its target.

    `max` defaults to 1, or to `min` if that is greater: `{min: 2}` means always two.
    """

    min: int = Field(default=1, ge=0, le=10_000, description="Minimum number of replicas. 0 scales to zero when idle")
    max: int = Field(
        default=1, ge=1, le=10_000, description="Maximum number of replicas. Default: 1, or `min` if that is greater"
    )
    target_in_flight: float = Field(
        default=8.0, gt=0, le=1_000_000, description="Autoscaling target: requests in flight and queued per replica"
    )

    @model_validator(mode="before")
    @classmethod
    def _raise_max_to_min(cls, data: Any) -> Any:
        if isinstance(data, dict) and "max" not in data and type(low := data.get("min")) is int and low > 1:
            return {**data, "max": low}
        return data

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min > self.max:
            raise rejected(f"replicas.min ({self.min}) is greater than replicas.max ({self.max})", at=("min",))
        return self


def _fixed_replicas(value: object) -> object:
    if type(value) is not int:
        return value
    if value < 1:
        raise rejected("a fixed number of replicas must be at least 1", "{min: 0, max: 1} scales to zero")
    return {"min": value, "max": value}


class Batching(Spec):
    """Dynamic batching: how waiting requests are combined."""

    max_size: int = Field(default=64, ge=1, description="Maximum number of rows in a batch. 1 disables batching")
    max_delay_ms: float = Field(
        default=0.0, ge=0, le=60_000, description="Milliseconds to wait for more rows, even if the model is idle"
    )
    independent_rows: bool = Field(
        default=False,
        description="true: the model's own code computes each row independently, so that requests may share a batch",
    )


def _batching_off(value: object) -> object:
    if isinstance(value, dict | Batching):
        return value
    if value == "off":
        return {"max_size": 1}
    hint = ""
    if value is True or value == "on":
        hint = "remove the key: batching is on by default"
    elif isinstance(value, int) and value > 0:
        hint = f"did you mean {{max_size: {value}}}?"
    elif isinstance(value, int) or (isinstance(value, str) and value.lower() in _OFF_WORDS):
        hint = "did you mean off?"
    raise expected("off or a mapping", hint)


class Limits(Spec):
    """The limits of one replica."""

    queue: int = Field(default=256, ge=1, description="Maximum number of queued requests per replica; above it, 429")
    timeout_s: float = Field(
        default=10.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds after which a request fails with 504"
    )
    body: BodyBytes = Field(default=64 * 2**20, description="Maximum size of a request body")


class Resources(Spec):
    """The resources that one replica reserves."""

    cpus: float = Field(
        default=0.1,  # so that a dozen small models fit on a laptop
        gt=0,
        le=10_000,
        description="CPU cores per replica. Rounded up, this is also the number of threads of its model",
    )
    memory: MemoryBytes | None = Field(
        default=None,
        description="Maximum memory of the model. Above it the model fails, and other models are unaffected",
    )


def _auto_or_off(value: object) -> object:
    if value in ("auto", "off"):
        return value
    is_off = value is False or (isinstance(value, str) and value.lower() in _OFF_WORDS)
    raise expected("auto or off", "did you mean off?" if is_off else "did you mean auto?" if value is True else "")


def _pool_or_null(value: object) -> object:
    if value is None or (isinstance(value, str) and (is_model_name(value) or value.lower() not in _NULL_WORDS)):
        return value
    raise expected("the name of a pool, or null for no pool", "" if value is True else "did you mean null?")


class ModelDefaults(Spec):
    """The keys of a model's file that `server.yaml` may set for all models. A model's own keys take precedence."""

    runtime: str | None = Field(
        default=None,
        pattern=RUNTIME,
        description="onnx, sklearn or python:<module>:<Class>. Default: detected from the artefact",
    )
    versions: Versions = Field(
        default="latest", description="Versions to serve: latest, all, {latest: N} or a list of version numbers"
    )
    required: bool = Field(default=True, description="Whether the server is ready only when this model is ready")
    trusted: bool = Field(
        default=False, description="Allow artefacts that execute code when they are loaded (joblib, pickle, python)"
    )
    any_sklearn_version: bool = Field(
        default=False, description="Load models that were saved with another version of scikit-learn"
    )
    compiled: Annotated[
        Literal["auto", "off"],
        BeforeValidator(_auto_or_off, json_schema_input_type=Literal["auto", "off"]),
    ] = Field(
        default="auto",
        description="sklearn: auto compiles vectorizers, encoders, linear models and trees if a comparison finds equal results",
    )
    pool: Annotated[Name | None, BeforeValidator(_pool_or_null, json_schema_input_type=Name | None)] = Field(
        default=None,
        description="Pool in whose replicas the model runs. null: the model has replicas of its own",
    )
    replicas: Annotated[
        Replicas,
        BeforeValidator(_fixed_replicas, json_schema_input_type=Annotated[int, Field(ge=1, le=10_000)] | Replicas),
    ] = Field(default=Replicas(), description="Number of replicas, or the bounds and target of autoscaling")
    batching: Annotated[Batching, BeforeValidator(_batching_off, json_schema_input_type=Literal["off"] | Batching)] = (
        Field(default=Batching(), description="Dynamic batching; off disables it")
    )
    limits: Limits = Field(default=Limits(), description="Limits of one replica")
    retry: Literal["always", "never"] = Field(
        default="always",
        description="Whether a request is sent to another replica if its replica dies. never: the client gets 503 and may retry",
    )
    resources: Resources = Field(default=Resources(), description="Resources that one replica reserves")
    load_timeout_s: float = Field(
        default=120.0, gt=0, le=MAX_TIMEOUT_S, description="Maximum seconds for a replica to load and warm up the model"
    )


class ModelSpec(ModelDefaults):
    """A model's file in `serve_config/models/`. Only `name` is required.

    A model of a pool has the defaults of `replicas` and `resources`, which are not used: the pool's are.
    """

    name: Name = Field(description="Name of the model, and of its folder in the repository unless `path` is set")
    description: str = Field(default="", description="What the model does; shown in the catalogue")
    path: str | None = Field(
        default=None, pattern=FOLDER, description="Folder of the model inside the repository. Default: its name"
    )
    route: str | None = Field(
        default=None, pattern=url_paths.ROUTE, description="URL path of the model. Default: /models/<name>"
    )
    labels: list[str] = Field(default=[], description="Names of the classes, by index")
    default: DefaultVersion | None = Field(
        default=None,
        description="Version, by number or label, for requests that name none. Default: the newest served version",
    )
    version_labels: dict[Annotated[str, Field(pattern=LABEL)], Version] = Field(
        default={}, description="Names for versions. A path may use a label in place of a version number"
    )
    inputs: Inputs = Field(
        default=[],
        description="Datatypes of inputs, for artefacts that do not declare them: a list, or {name: datatype}",
    )
    rows: bool | None = Field(
        default=None,
        description="onnx: whether the first axis of every input is the rows of a request. Default: detected by a trial run",
    )
    options: dict[str, Any] = Field(default={}, description="Arguments for load() of a python model")
    load: Literal["eager", "lazy"] | None = Field(
        default=None,
        description="For a model of a pool: eager loads it at the start, lazy at its first request. Default: the pool's",
    )
    pinned: bool = Field(default=False, description="For a model of a pool: true: it is never evicted from memory")

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise rejected(f"the name {name!r} is reserved for the server")
        return name

    @field_validator("path")
    @classmethod
    def _path_stays_inside(cls, path: str | None) -> str | None:
        if path is not None and not {".", ".."}.isdisjoint(path.split("/")):
            raise expected("a folder inside the repository, without '.' and '..'")
        return path

    @field_validator("route")
    @classmethod
    def _route_is_free(cls, route: str | None) -> str | None:
        if route is not None and (reserved := url_paths.reserved_by_server(route)):
            raise rejected(f"{reserved} is reserved for the server")
        return route

    @model_validator(mode="after")
    def _named_versions_are_served(self) -> Self:
        if isinstance(self.default, str) and self.default not in self.version_labels:
            nearest = get_close_matches(self.default, self.version_labels, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else "define it in version_labels"
            raise rejected(f"no version has the label {self.default!r}", hint, at=("default",))
        named: list[tuple[tuple[str, ...], int]] = [
            (("version_labels", label), number) for label, number in self.version_labels.items()
        ]
        if isinstance(self.default, int):
            named.append((("default",), self.default))
        for place, number in named:
            if isinstance(self.versions, list) and number not in self.versions:
                raise rejected(f"version {number} is not in versions", f"add {number} to versions", at=place)
        return self

    @property
    def default_version(self) -> int | None:
        """The version number of `default`; None if it is not set."""
        return self.version_labels[self.default] if isinstance(self.default, str) else self.default

    @property
    def named_versions(self) -> frozenset[int]:
        """The versions in `default` and `version_labels`. They are served in addition to those that `versions` selects."""
        default = self.default_version
        return frozenset([*self.version_labels.values(), *([default] if default else [])])

    @property
    def url_path(self) -> str:
        """The model's route, without a slash at its end."""
        return self.route or f"/models/{self.name}"

    @property
    def folder(self) -> str:
        """The model's folder, relative to the repository."""
        return self.path or self.name


def slug(text: str) -> str:
    """The valid model name that is nearest to a text, or ""."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:63]


def is_model_name(text: str) -> bool:
    """Whether the text is a valid model name."""
    return re.fullmatch(NAME.strip("^$"), text) is not None
