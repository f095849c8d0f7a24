"""One model's file, as a frozen spec. Field names are the YAML's keys; descriptions become the editor's hover text."""

import re
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from modelyard.config import datatype, size, url_paths
from modelyard.config.rule_errors import EXPECTED, expected, rejected

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
RUNTIME = r"^(onnx|sklearn|python:[A-Za-z_][\w.]*:[A-Za-z_]\w*)$"
FOLDER = r"^[^/\x00-\x1f\x7f\\]+(/[^/\x00-\x1f\x7f\\]+)*$"
LABEL = r"^[a-z][a-z0-9._-]{0,62}$"
"""A version's label. It begins with a letter, so that no label reads as a number."""
RESERVED_NAMES = ("gateway",)
"""Ray Serve applications of the server's own; a model's application has the model's name."""
MAX_TIMEOUT_S = 86_400
_OFF_WORDS = ("off", "of", "no", "none", "never", "disabled")


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return size.parse(value)
    except ValueError:
        nearest = size.nearest(value)
        hint = f"did you mean {nearest}?" if nearest else ""
        raise expected("a size such as 512MiB, 1.5GB or a number of bytes", hint) from None


def _datatype(value: object) -> object:
    if value in datatype.NAMES:
        return value
    nearest = datatype.nearest(value) if isinstance(value, str) else ""
    raise expected(datatype.EXPECTED, f"did you mean {nearest}?" if nearest else "")


InputDatatype = Annotated[datatype.Datatype, BeforeValidator(_datatype)]
Name = Annotated[str, Field(pattern=NAME)]
Bytes = Annotated[
    int,
    Field(ge=1, le=2**50),
    BeforeValidator(
        _size,
        json_schema_input_type=Annotated[int, Field(ge=1, le=2**50)] | Annotated[str, Field(pattern=size.PATTERN)],
    ),
]
"""A size in bytes, a pebibyte at most; YAML may write it as 512MiB, 1.5GB or a plain number."""


MIN_BODY_BYTES, MIN_MEMORY_BYTES = 1000, 16 * 2**20
"""Less is a number whose unit was forgotten."""


def _in_mebibytes(number: int) -> str:
    return f"did you mean {number}MiB?" if number < 2**20 else "write it with its unit, such as 512MiB"


def _for_a_request(body: int) -> int:
    if body < MIN_BODY_BYTES:
        raise rejected(f"{body} bytes are too few for a request", _in_mebibytes(body))
    return body


Body = Annotated[Bytes, AfterValidator(_for_a_request)]
"""The size of a request's body."""


class Spec(BaseModel):
    """Base of everything read from YAML: frozen, strict, and with no room for unknown keys or for infinite numbers."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class LatestVersions(Spec):
    """Serve the newest `latest` versions."""

    latest: int = Field(ge=1, description="How many of the newest versions are served")


def _kind_of_versions(value: object) -> str | None:
    if isinstance(value, str):
        return "(word)"
    if isinstance(value, dict | LatestVersions):
        return "(newest)"
    return "(numbers)" if isinstance(value, list) else None


Versions = Annotated[
    Annotated[Literal["latest", "all"], Tag("(word)")]
    | Annotated[LatestVersions, Tag("(newest)")]
    | Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1), Tag("(numbers)")],
    # Told apart first, so that a mistake is explained once and not once for each form.
    Discriminator(
        _kind_of_versions,
        custom_error_type=EXPECTED,
        custom_error_message="expected {what}",
        custom_error_context={"what": "latest, all, {latest: N} or a list of version numbers"},
    ),
]


def _number_or_label(value: object) -> object:
    if (type(value) is int and value >= 1) or (isinstance(value, str) and re.fullmatch(LABEL, value)):
        return value
    hint = f"did you mean {int(value)}?" if isinstance(value, str) and value.isdecimal() and int(value) else ""
    raise expected("the number of a version, or one of version_labels", hint)


Version = Annotated[int, Field(ge=1)]
Default = Annotated[
    int | str,
    BeforeValidator(_number_or_label, json_schema_input_type=Version | Annotated[str, Field(pattern=LABEL)]),
]


class Replicas(Spec):
    """How many replicas run, and when there should be more.

    Either bound may stand alone: `max` defaults to 1, or to `min` where that is more, so `{min: 2}` is always two.
    """

    min: int = Field(default=1, ge=0, le=10_000, description="Replicas kept running; 0 scales to zero when nobody asks")
    max: int = Field(
        default=1, ge=1, le=10_000, description="Replicas at most; default: 1, or as many as `min` where that is more"
    )
    target_in_flight: float = Field(
        default=8.0, gt=0, le=1_000_000, description="Requests in flight and queued that one replica is meant for"
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
            raise rejected(f"replicas.min is {self.min}, which is above replicas.max, {self.max}", at=("min",))
        return self


def _fixed_replicas(value: object) -> object:
    if type(value) is not int:
        return value
    if value < 1:
        raise rejected("a fixed number of replicas is at least 1", "{min: 0, max: 1} scales to zero")
    return {"min": value, "max": value}


class InputType(Spec):
    """The datatype of one input, where the artefact does not say it."""

    name: str = Field(
        min_length=1, description="The input's name: a column of the table that the model was fitted with"
    )
    datatype: InputDatatype = Field(
        description="What requests hold; DATETIME is dates as ISO 8601 text, which the model gets as datetime64"
    )


def _listed(value: object) -> object:
    """`{age: FP64}` as the list that it stands for."""
    if not isinstance(value, dict):
        return value
    if "" in value:
        raise rejected("an input has an empty name", at=("",))
    for name, kind in value.items():
        if isinstance(kind, dict):
            raise expected(datatype.EXPECTED, at=(name,))
    return [{"name": name, "datatype": kind} for name, kind in value.items()]


def _distinct(inputs: list[InputType]) -> list[InputType]:
    seen: set[str] = set()
    for index, each in enumerate(inputs):
        if each.name in seen:
            raise rejected(f"two inputs are named {each.name!r}", at=(index, "name"))
        seen.add(each.name)
    return inputs


Inputs = Annotated[
    list[InputType],
    BeforeValidator(
        _listed,
        json_schema_input_type=list[InputType] | dict[Annotated[str, Field(min_length=1)], InputDatatype],
    ),
    AfterValidator(_distinct),
]
"""Input types; YAML may write them as a mapping from name to datatype."""


class Batching(Spec):
    """How requests that wait at the same time run together."""

    max_size: int = Field(default=64, ge=1, description="Rows in one call of the model; 1 turns batching off")
    max_delay_ms: float = Field(
        default=0.0, ge=0, le=60_000, description="Wait this long for more rows, even where the model is idle"
    )
    independent_rows: bool = Field(
        default=False,
        description="true: code that comes with the model answers each row by itself, so that requests may share a call",
    )


def _batching_off(value: object) -> object:
    if isinstance(value, dict | Batching):
        return value
    if value == "off":
        return {"max_size": 1}
    hint = ""
    if value is True or value == "on":
        hint = "leave the key out: batching is on by default"
    elif isinstance(value, int) and value > 0:
        hint = f"did you mean {{max_size: {value}}}?"
    elif isinstance(value, int) or (isinstance(value, str) and value.lower() in _OFF_WORDS):
        hint = "did you mean off?"
    raise expected("off or a mapping", hint)


class Limits(Spec):
    """What one replica takes on before it refuses."""

    queue: int = Field(
        default=256, ge=1, description="Requests that may wait in a replica; one more is refused with 429"
    )
    timeout_s: float = Field(
        default=10.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds until a request is answered with 504"
    )
    body: Body = Field(default=64 * 2**20, description="Largest request body")


def _for_a_model(memory: int) -> int:
    if memory < MIN_MEMORY_BYTES:
        raise rejected(f"{memory} bytes are too few for any model", _in_mebibytes(memory))
    return memory


Memory = Annotated[Bytes, AfterValidator(_for_a_model)]


class Resources(Spec):
    """What one replica reserves."""

    cpus: float = Field(
        default=0.1,  # a small model's, so that a dozen fit on a laptop
        gt=0,
        le=10_000,
        description="CPU cores that a replica reserves; rounded up, the threads its model runs with",
    )
    memory: Memory | None = Field(default=None, description="Memory the model may take before it fails alone")


class ModelDefaults(Spec):
    """The keys of a model's file that `server.yaml` may set for all of them; a model's own keys win."""

    runtime: str | None = Field(
        default=None,
        pattern=RUNTIME,
        description="onnx, sklearn or python:<module>:<Class>; default: from the artefact",
    )
    versions: Versions = Field(default="latest", description="latest, all, {latest: N} or a list of version numbers")
    required: bool = Field(default=True, description="Whether the server is ready only when this model is")
    trusted: bool = Field(
        default=False, description="Allow artefacts that run code when loaded (joblib, pickle, python)"
    )
    any_sklearn_version: bool = Field(default=False, description="Load a model that another scikit-learn version made")
    replicas: Annotated[
        Replicas,
        BeforeValidator(_fixed_replicas, json_schema_input_type=Annotated[int, Field(ge=1, le=10_000)] | Replicas),
    ] = Field(default=Replicas(), description="How many replicas run, and when there should be more; a number fixes it")
    batching: Annotated[Batching, BeforeValidator(_batching_off, json_schema_input_type=Literal["off"] | Batching)] = (
        Field(default=Batching(), description="How requests that wait at the same time run together; off: each alone")
    )
    limits: Limits = Field(default=Limits(), description="What one replica takes on before it refuses")
    retry: Literal["always", "never"] = Field(
        default="always",
        description="Whether a request whose replica dies before it answers goes to another; never: 503, and the client decides",
    )
    resources: Resources = Field(default=Resources(), description="What one replica reserves")
    load_timeout_s: float = Field(
        default=120.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds a replica may take to load and warm the model"
    )


class ModelSpec(ModelDefaults):
    """A model's file in `serve_config/models/`. Only `name` is needed."""

    name: Name = Field(description="The model's name, and its folder in the repository unless `path` says otherwise")
    description: str = Field(default="", description="What the model does, for the people who find it in the catalogue")
    path: str | None = Field(
        default=None, pattern=FOLDER, description="The model's folder inside the repository; default: its name"
    )
    route: str | None = Field(default=None, pattern=url_paths.ROUTE, description="URL path; default: /models/<name>")
    labels: list[str] = Field(default=[], description="Names of the classes, by their index")
    default: Default | None = Field(
        default=None,
        description="The version, by number or label, that answers requests which name none; default: the newest",
    )
    version_labels: dict[Annotated[str, Field(pattern=LABEL)], Version] = Field(
        default={}, description="Names for versions, which may stand in the place of their numbers in paths"
    )
    inputs: Inputs = Field(
        default=[], description="Datatypes of inputs, where the artefact does not say them: a list, or {name: datatype}"
    )
    rows: bool | None = Field(
        default=None,
        description="onnx: whether the first axis of every input is the rows of a request; default: found out by a trial",
    )
    options: dict[str, Any] = Field(default={}, description="Passed to a python model's load()")

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise rejected(f"the name {name!r} is the server's own")
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
        if route is not None and (taken := url_paths.reserved_by_server(route)):
            raise rejected(f"{taken} is the server's own")
        return route

    @model_validator(mode="after")
    def _named_versions_are_served(self) -> Self:
        if isinstance(self.default, str) and self.default not in self.version_labels:
            nearest = get_close_matches(self.default, self.version_labels, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else "name it in version_labels"
            raise rejected(f"no version has the label {self.default!r}", hint, at=("default",))
        named: list[tuple[tuple[str, ...], int]] = [
            (("version_labels", label), number) for label, number in self.version_labels.items()
        ]
        if isinstance(self.default, int):
            named.append((("default",), self.default))
        for place, number in named:
            if isinstance(self.versions, list) and number not in self.versions:
                raise rejected(f"version {number} is not one of versions", f"add {number} to versions", at=place)
        return self

    @property
    def default_version(self) -> int | None:
        """The number of the version that `default` names; None where it names none."""
        return self.version_labels[self.default] if isinstance(self.default, str) else self.default

    @property
    def named_versions(self) -> frozenset[int]:
        """The versions that `default` and `version_labels` name. They are served whatever `versions` chooses."""
        default = self.default_version
        return frozenset([*self.version_labels.values(), *([default] if default else [])])

    @property
    def url_path(self) -> str:
        """Where clients find the model; never ends in a slash."""
        return self.route or f"/models/{self.name}"

    @property
    def folder(self) -> str:
        """The model's folder, relative to the repository."""
        return self.path or self.name


def slug(text: str) -> str:
    """The model name nearest to a text that is none, or nothing."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:63]


def is_model_name(text: str) -> bool:
    """Whether a model may be called this."""
    return re.fullmatch(NAME.strip("^$"), text) is not None
