"""The keys of a model's YAML that make another version the default: for a rollback. Pure."""

from collections.abc import Collection
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.repository import version_policy


class NoSuchVersion(Exception):
    """There is no version to switch to. Its one argument is the reason."""


def current_version(spec: ModelSpec, available: Collection[int]) -> int | None:
    """The version that serves requests without a version, by the current file and repository; None if there is none."""
    chosen = version_policy.choose(available, spec.versions)
    return spec.default_version or (chosen[0] if chosen else None)


def pinned(spec: ModelSpec, available: Collection[int], to: int | None = None) -> dict[str, Any]:
    """Keys and values that make the version `to` the default, or the one before the current default.

    A version that is already served becomes the default, which restarts nothing. Any other version replaces the served versions:
    a bad version is not loaded next to it. Raises NoSuchVersion.
    """
    current = current_version(spec, available)
    target = _before(spec, available, current) if to is None else to
    if target not in available:
        raise NoSuchVersion(f"there is no complete version {target} in {spec.folder}: {_listed(available)}")
    if target == current:
        raise NoSuchVersion(f"version {target} of {spec.name} is already the default")
    if target in version_policy.choose(available, spec.versions, spec.named_versions):
        return {"default": target}
    served = sorted({target, *spec.version_labels.values()})
    needs_default = spec.default is not None or len(served) > 1
    return {"versions": served, **({"default": target} if needs_default else {})}


def _before(spec: ModelSpec, available: Collection[int], current: int | None) -> int:
    if current is None:
        raise NoSuchVersion(f"there is no complete version in {spec.folder}")
    older = [number for number in available if number < current]
    if not older:
        raise NoSuchVersion(f"there is no version before {current} in {spec.folder}: {_listed(available)}")
    return max(older)


def _listed(available: Collection[int]) -> str:
    return f"there is {', '.join(map(str, sorted(available, reverse=True)))}" if available else "there is none"
