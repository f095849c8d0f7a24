"""What would make Serve match the configuration, and why. Pure: two configs in, actions out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deployments.control.applications import GATEWAY, ServeConfig

Kind = Literal["add", "restart", "scale", "update", "remove", "refuse"]


@dataclass(frozen=True, slots=True)
class Action:
    """One model's change."""

    kind: Kind
    model: str
    why: str


def plan(
    current: Mapping[str, ServeConfig], wanted: ServeConfig, refused: Mapping[str, str] = {}
) -> tuple[Action, ...]:
    """The actions, by model name; none where nothing changes. `current` is the running applications' configs by name."""
    target = {application["name"]: application for application in wanted["applications"]}
    actions = [Action("refuse", name, reason) for name, reason in refused.items()]
    for name, application in target.items():
        if name == GATEWAY:
            continue
        if name not in current:
            actions.append(Action("add", name, _versions(application)))
        else:
            actions += _changes(name, current[name], application)
    actions += [Action("remove", name, "no longer configured") for name in current if name not in target]
    return tuple(sorted(actions, key=lambda action: (action.model, action.kind)))


def _changes(name: str, old: ServeConfig, new: ServeConfig) -> list[Action]:
    if reasons := _restart_reasons(old, new):
        return [Action("restart", name, "; ".join(reasons))]
    (before,), (after,) = old["deployments"], new["deployments"]
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    if not changed:
        return []
    if all(key in ("num_replicas", "autoscaling_config") for key in changed):
        return [Action("scale", name, f"replicas {_replicas(before)} -> {_replicas(after)}")]
    return [Action("update", name, ", ".join(changed))]


def _restart_reasons(old: ServeConfig, new: ServeConfig) -> list[str]:
    before, after = old["args"], new["args"]
    reasons = []
    if before.get("versions") != after["versions"]:
        reasons.append(f"{_versions(old)} -> {_versions(new)}")
    if before.get("runtime") != after["runtime"]:
        reasons.append(f"runtime {before.get('runtime')} -> {after['runtime']}")
    if before.get("repository") != after["repository"]:
        reasons.append("another repository")
    reasons += _differences(before.get("spec", {}), after["spec"])
    if old["route_prefix"] != new["route_prefix"] and not any(reason.startswith("route ") for reason in reasons):
        reasons.append(f"route {old['route_prefix']} -> {new['route_prefix']}")
    if old["deployments"][0].get("ray_actor_options") != new["deployments"][0].get("ray_actor_options") and not reasons:
        reasons.append("resources")
    return reasons


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    """One line a changed key; keys left at their defaults are not in either."""
    found = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} {_shown(old)} -> {_shown(new)}")
    return found


def _shown(value: Any) -> str:
    return "default" if value is None else str(value)


def _versions(application: ServeConfig) -> str:
    shown = [f"{number} ({digest.removeprefix('sha256:')[:8]})" for number, digest in application["args"]["versions"]]
    return f"version{'s' if len(shown) > 1 else ''} {', '.join(shown)}"


def _replicas(deployment: Mapping[str, Any]) -> str:
    if (scaling := deployment.get("autoscaling_config")) is not None:
        return f"{scaling['min_replicas']} to {scaling['max_replicas']}"
    return str(deployment.get("num_replicas"))


def changed_models(actions: Sequence[Action]) -> list[str]:
    """Names of the models that an apply would touch."""
    return [action.model for action in actions if action.kind != "refuse"]
