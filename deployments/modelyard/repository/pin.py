"""What to write into a model's file so that another version answers. Pure."""

from collections.abc import Collection
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.repository import version_policy


class NoSuchVersion(Exception):
    """There is none to go to; its one argument says why."""


def current_version(spec: ModelSpec, available: Collection[int]) -> int | None:
    """The version that answers where a request names none, as the file and the repository are now; None where there is none."""
    chosen = version_policy.choose(available, spec.versions)
    return spec.default_version or (chosen[0] if chosen else None)


def pinned(spec: ModelSpec, available: Collection[int], to: int | None = None) -> dict[str, Any]:
    """Keys and values that make the version `to` the default, or the one before the current default.

    A version that is served already becomes the default, which restarts nothing. Another one is served in the place of what is
    served now: a version that is bad is not loaded beside it. Raises NoSuchVersion.
    """
    current = current_version(spec, available)
    target = _before(spec, available, current) if to is None else to
    if target not in available:
        raise NoSuchVersion(f"there is no complete version {target} in {spec.folder}: {_listed(available)}")
    if target == current:
        raise NoSuchVersion(f"version {target} of {spec.name} is the default already")
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
