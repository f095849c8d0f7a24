"""The changes that make Serve match the configuration, and why. Pure: two configs in, actions out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modelyard.config.url_paths import application_text
from modelyard.control.serve_config import GATEWAY, POOL, ServeConfig, versions_of
from modelyard.text.sizes import size_text

CONFIRM = "--allow-removals"
"""The option that confirms a plan."""
Kind = Literal["add", "restart", "load", "move", "scale", "update", "remove", "refuse"]
IN_PLACE = "applies in place"
"""Said of a change that restarts no replica."""
_SCALING = ("num_replicas", "autoscaling_config")


class NeedsConfirmation(Exception):
    """A plan that is not applied unless the operator confirms it; the one argument is the reason."""


@dataclass(frozen=True, slots=True)
class Action:
    """One change."""

    kind: Kind
    model: str
    """Or "pool <name>"."""
    why: str


def plan(
    current: Mapping[str, ServeConfig],
    wanted: ServeConfig,
    refused: Mapping[str, str] = {},
    *,
    pools: Mapping[str, ServeConfig] = {},
) -> tuple[Action, ...]:
    """The actions: the pools', then the models' by name.

    `current` holds the running applications by name, `pools` those of the pools, `refused` reasons by model.
    """
    target = {application["name"]: application for application in wanted["applications"]}
    actions = [Action("refuse", name, reason) for name, reason in refused.items()]
    for name, application in target.items():
        if name == GATEWAY:
            continue
        if name not in current:
            actions.append(Action("add", name, _added(application)))
        else:
            actions += _changes(name, current[name], application)
    actions += [Action("remove", name, _why_removed(name, refused)) for name in current if name not in target]
    return (*_pool_actions(pools, wanted), *sorted(actions, key=lambda action: (action.model, action.kind)))


def _pool_actions(current: Mapping[str, ServeConfig], wanted: ServeConfig) -> Iterator[Action]:
    target = {application["name"]: application for application in wanted["pools"]}
    for name, application in sorted(target.items()):
        if name in current:
            yield from _changes(_pool(application), current[name], application)
        else:
            (deployment,) = application["deployments"]
            yield Action("add", _pool(application), f"replicas {_replicas(deployment)}")
    for name, application in sorted(current.items()):
        if name not in target:
            yield Action("remove", _pool(application), "not configured")


def _pool(application: ServeConfig) -> str:
    return f"pool {application['args']['name']}"


def _added(application: ServeConfig) -> str:
    return _versions(application) + (f", in {_place(application)}" if POOL in application else "")


def restarts(old: ServeConfig, new: ServeConfig) -> bool:
    """Whether the change from one config of an application to the other restarts its replicas, or loads a pooled model again."""
    return bool(old["import_path"] != new["import_path"] or old["args"] != new["args"])


def _why_removed(name: str, refused: Mapping[str, str]) -> str:
    return "rejected, and its route belongs to another model" if name in refused else "not configured"


def _changes(name: str, old: ServeConfig, new: ServeConfig) -> Iterator[Action]:
    """The one action for a model or a pool, or none."""
    if old.get(POOL) != new.get(POOL):
        yield Action("move", name, f"from {_place(old)} to {_place(new)}")
        return
    if old["import_path"] != new["import_path"]:
        yield Action("restart", name, f"replaces an application of another kind: {old['import_path']}")
        return
    if restarts(old, new):
        why = "; ".join(_restart_reasons(old, new)) or "arguments of another release"
        yield Action("load" if POOL in new else "restart", name, why)
        return
    (before,), (after,) = old["deployments"], new["deployments"]
    changed = [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]
    updates = [line for key in changed if key not in _SCALING for line in _update(key, before, after)]
    updates += _differences(old.get("pooled", {}), new.get("pooled", {}))
    scale = [f"replicas {_replicas(before)} -> {_replicas(after)}"] if {*changed} & {*_SCALING} else []
    if changed or updates:
        yield Action("update" if updates else "scale", name, f"{'; '.join(scale + updates)} ({IN_PLACE})")


def _place(application: ServeConfig) -> str:
    pool = application.get(POOL)
    return application_text(pool) if pool else "replicas of its own"


def _restart_reasons(old: ServeConfig, new: ServeConfig) -> Iterator[str]:
    """One line for each value that differs in `args`, whatever fields they have."""
    before, after = dict(old["args"]), dict(new["args"])
    if before.pop("versions", None) != after.pop("versions", None):
        yield f"{_versions(old)} -> {_versions(new)}"
    lines = (line.removeprefix("spec.") for line in _differences(before, after))
    yield from dict.fromkeys(lines)  # the runtime is in the spec too


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """One line for each key whose value differs."""
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if isinstance(old or new, dict) and isinstance(new or old, dict):
            yield from _differences(old or {}, new or {}, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} {_shown(old, key)} -> {_shown(new, key)}"


def _update(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """One line for each value that differs in this key of a deployment."""
    if key != "user_config":
        yield from _differences({key: before.get(key)}, {key: after.get(key)})
        return
    old, new = dict(before.get(key) or {}), dict(after.get(key) or {})
    if old.pop("description", "") != new.pop("description", ""):
        yield "description"
    if (was := old.pop("default", None)) != (will_be := new.pop("default", None)):
        yield f"default version {_shown(was)} -> {_shown(will_be)}"
    yield from _differences(old.pop("version_labels", {}), new.pop("version_labels", {}), "label ")
    yield from _differences(old, new)


def _shown(value: Any, key: str = "") -> str:
    if value is None:
        return "none"
    return size_text(value) if key == "memory" else str(value)


def _versions(application: ServeConfig) -> str:
    versions = versions_of(application)
    shown = [f"{number} ({digest.removeprefix('sha256:')[:8]})" for number, digest in versions]
    return f"version{'s' if len(shown) > 1 else ''} {', '.join(shown)}"


def _replicas(deployment: Mapping[str, Any]) -> str:
    scaling = deployment.get("autoscaling_config")
    if scaling is None:
        return str(deployment.get("num_replicas", 1))
    return f"{scaling['min_replicas']} to {scaling['max_replicas']} (target: {scaling['target_ongoing_requests']:g} in flight)"
