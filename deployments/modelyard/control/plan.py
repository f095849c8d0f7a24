"""What would make Serve match the configuration, and why. Pure: two configs in, actions out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modelyard.control.names import GATEWAY, ServeConfig

Kind = Literal["add", "restart", "scale", "update", "remove", "refuse"]
_SCALING = ("num_replicas", "autoscaling_config")


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
    actions += [Action("remove", name, _why_removed(name, refused)) for name in current if name not in target]
    return tuple(sorted(actions, key=lambda action: (action.model, action.kind)))


def restarts(old: ServeConfig, new: ServeConfig) -> bool:
    """Whether going from one config of an application to the other starts its replicas anew."""
    return old["import_path"] != new["import_path"] or any(_restart_reasons(old, new))


def _why_removed(name: str, refused: Mapping[str, str]) -> str:
    return "refused, and nothing of it can be kept" if name in refused else "no longer configured"


def _changes(name: str, old: ServeConfig, new: ServeConfig) -> Iterator[Action]:
    """The one action that a change asks for, or none."""
    if old["import_path"] != new["import_path"]:
        yield Action("restart", name, f"an application of another kind has its name: {old['import_path']}")
        return
    if reasons := [*_restart_reasons(old, new)]:
        yield Action("restart", name, "; ".join(reasons))
        return
    (before,), (after,) = old["deployments"], new["deployments"]
    changed = [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]
    updates = [_update(key, before, after) for key in changed if key not in _SCALING]
    scale = [f"replicas {_replicas(before)} -> {_replicas(after)}"] if {*changed} & {*_SCALING} else []
    if changed:
        yield Action("update" if updates else "scale", name, "; ".join(scale + updates))


def _restart_reasons(old: ServeConfig, new: ServeConfig) -> Iterator[str]:
    """What differs in `args`; the runtime is in the spec too."""
    before, after = old["args"], new["args"]
    if before["versions"] != after["versions"]:
        yield f"{_versions(old)} -> {_versions(new)}"
    if before["repository"] != after["repository"]:
        yield f"repository {before['repository']} -> {after['repository']}"
    for key in ("request_log", "replicas", "tracing"):
        if before.get(key) != after.get(key):  # a configuration of an earlier release may lack one
            yield key
    yield from _differences(before["spec"], after["spec"])


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """One line a changed key."""
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} {_shown(old)} -> {_shown(new)}"


def _update(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    old, new = before.get(key), after.get(key)
    if key != "user_config":
        return f"{key} {_shown(old)} -> {_shown(new)}"
    changes = (_chosen(name, (old or {}).get(name), (new or {}).get(name)) for name in {**(old or {}), **(new or {})})
    return "; ".join(filter(None, changes))


def _chosen(name: str, old: Any, new: Any) -> str:
    if old == new:
        return ""
    match name:
        case "description":
            return name
        case "version_labels":
            return "; ".join(_differences(old or {}, new or {}, "label "))
        case _:
            return f"{name} version {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def _versions(application: ServeConfig) -> str:
    shown = [f"{number} ({digest.removeprefix('sha256:')[:8]})" for number, digest in application["args"]["versions"]]
    return f"version{'s' if len(shown) > 1 else ''} {', '.join(shown)}"


def _replicas(deployment: Mapping[str, Any]) -> str:
    scaling = deployment.get("autoscaling_config")
    if scaling is None:
        return str(deployment.get("num_replicas", 1))
    return f"{scaling['min_replicas']} to {scaling['max_replicas']} (aim: {scaling['target_ongoing_requests']:g} in flight)"
