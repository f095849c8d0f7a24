"""Every field of what control writes for replicas: a change of it is deployed, and the plan says how."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from modelyard.config.model_spec import ModelSpec
from modelyard.control.plan import plan
from modelyard.control.serve_config import ServeConfig
from modelyard.ray_serve.application import OUTSIDE_ARGS, GatewayArgs, GatewaySettings, ModelArgs, ModelSettings
from modelyard.repository.resolve import Resolved
from tests.unit.control.models import application, applications, catalogue, configured, deployment, resolved

MODEL = resolved(
    "churn",
    "ba",
    versions="all",
    path="a/b",
    route="/who",
    default="stable",
    version_labels={"stable": 1},
    inputs={"age": "FP64"},
    rows=True,
    resources={"memory": "512MiB"},
    replicas={"min": 1, "max": 3},
)
WRITTEN = application(MODEL, tracing={"endpoint": "http://collector:4318"})
ARGS = ModelArgs.from_plain(WRITTEN["args"])
SETTINGS = ModelSettings.from_plain(deployment(WRITTEN)["user_config"])


def other(value: Any) -> Any:
    """A value of the same type that is not this one."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case "all":
            return "latest"
        case str():
            return f"{value}x"
        case Path():
            return value / "x"
        case tuple() | list():
            return value[1:] if value else ["x"]
        case dict():
            return {**value, "x": 7}
    raise AssertionError(f"a field of a type that is not known here: {value!r}")


def changes(values: BaseModel, skip: frozenset[str] = frozenset()) -> Iterator[tuple[str, BaseModel]]:
    """Each field, or each of its own fields if it is a model, with a copy that differs in that field alone."""
    for name in sorted(type(values).model_fields.keys() - skip):
        value = getattr(values, name)
        if isinstance(value, BaseModel):
            yield from ((f"{name}.{below}", values.model_copy(update={name: copy})) for below, copy in changes(value))
        else:
            yield name, values.model_copy(update={name: "x" if value is None else other(value)})


def deployed(args: ModelArgs = ARGS, settings: ModelSettings = SETTINGS) -> ServeConfig:
    """The config with these for the one model."""
    (only,) = WRITTEN["deployments"]
    churn = {**WRITTEN, "args": args.to_plain(), "deployments": [{**only, "user_config": settings.to_plain()}]}
    return {"applications": [churn], "pools": []}


OUTSIDE = frozenset(name for name, whole in OUTSIDE_ARGS.items() if whole is True)
ARGUMENTS = {path: args for path, args in changes(ARGS) if path.split(".")[1:2] not in [[name] for name in OUTSIDE]}
NOT_IN_ARGS = {"spec.batching.max_delay_ms"}


@pytest.mark.parametrize("field", sorted(ARGUMENTS.keys() - NOT_IN_ARGS))
def test_a_change_of_any_argument_restarts_the_model_and_says_which(field: str) -> None:
    (action,) = plan({"churn": WRITTEN}, deployed(args=ARGUMENTS[field]))
    assert action.kind == "restart"
    assert action.why.startswith({"versions": "version"}.get(field, field.removeprefix("spec.")))


@pytest.mark.parametrize(("field", "settings"), [*changes(SETTINGS)])
def test_a_change_of_any_setting_applies_in_place_and_says_which(field: str, settings: ModelSettings) -> None:
    (action,) = plan({"churn": WRITTEN}, deployed(settings=settings))
    assert (action.kind, action.why.endswith("(applies in place)")) == ("update", True)
    assert {"version_labels": "label x"}.get(field, field) in action.why


def in_yaml(spec: ModelSpec) -> dict[str, ServeConfig]:
    """The applications of a configuration with this spec, whose model runs as it did before."""
    model = Resolved(spec, MODEL.runtime, MODEL.versions)
    return applications(configured(model, kept=BEFORE, tracing={"endpoint": "http://collector:4318"}))


BEFORE = applications(configured(MODEL, tracing={"endpoint": "http://collector:4318"}))


@pytest.mark.parametrize(("field", "spec"), [*changes(MODEL.spec, skip=frozenset({"name", "load", "pinned"}))])
def test_a_change_of_any_key_of_a_models_file_is_deployed(field: str, spec: ModelSpec) -> None:
    """By its arguments, its settings, its scaling, or the gateway's catalogue."""
    if field == "default":
        spec = MODEL.spec.model_copy(update={"default": 2})
    assert in_yaml(spec) != BEFORE


POOLED = resolved("churn", "ba", pool="small", load="eager")
IN_POOL = applications(configured(POOLED))


@pytest.mark.parametrize(
    ("field", "value"),
    [("load", "lazy"), ("pinned", True), ("pool", "other"), ("pool", None), ("retry", "never"), ("description", "x")],
)
def test_a_change_of_a_key_of_a_pooled_model_is_deployed(field: str, value: object) -> None:
    changed = Resolved(POOLED.spec.model_copy(update={field: value}), POOLED.runtime, POOLED.versions)
    assert applications(configured(changed, kept=IN_POOL)) != IN_POOL


def test_the_gateway_alone_needs_to_know_which_models_are_required() -> None:
    changed = configured(resolved(required=False))
    assert applications(changed)["churn"] == application(resolved())
    assert catalogue(changed)["churn"].required is False


def test_arguments_and_settings_are_read_as_they_were_written() -> None:
    assert ModelArgs.from_plain(ARGS.to_plain()) == ARGS
    assert ModelSettings.from_plain(SETTINGS.to_plain()) == SETTINGS
    assert GatewayArgs.from_plain(GatewayArgs(body_limit=7).to_plain()) == GatewayArgs(body_limit=7)
    catalogue_ = GatewaySettings(models=(ENTRY,))
    assert GatewaySettings.from_plain(json.loads(json.dumps(catalogue_.to_plain()))) == catalogue_


ENTRY = catalogue(configured(resolved(digests="ba", version_labels={"stable": 1}, required=False)))["churn"]


@pytest.mark.parametrize(
    "changed",
    [{"served": catalogue(configured(resolved()))["churn"].served}, {"refused": "no folder"}, {"waiting": True}],
    ids=str,
)
def test_a_catalogue_entry_is_amended_in_the_given_field_alone(changed: dict[str, Any]) -> None:
    amended = ENTRY.amended(**changed)
    assert amended == ENTRY.model_copy(update=changed)
    assert amended != ENTRY
    assert amended.amended() == amended


def test_an_argument_that_this_release_does_not_know_is_an_error() -> None:
    with pytest.raises(ValidationError, match="unknown"):
        ModelArgs.from_plain({**ARGS.to_plain(), "unknown": 1})
