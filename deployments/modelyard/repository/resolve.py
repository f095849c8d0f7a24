"""Resolves a spec and its folder to the versions to serve, or to the reason why the model is rejected. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelyard.config.model_spec import ModelSpec
from modelyard.repository import version_policy
from modelyard.repository.artefact import UnusableVersion, runtime_of
from modelyard.repository.snapshot import FolderSnapshot, Snapshot, VersionSnapshot
from modelyard.text.sizes import size_text

STILL_WRITTEN, IN_PLACE = "still being written", "being changed in place"
"""Parts of a rejection's reason that say that it is temporary."""


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A version that the policy selects."""

    number: int
    digest: str
    """See `digest`. A replica loads only files with this digest."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model that can be served."""

    spec: ModelSpec
    runtime: str
    """The runtime of every version, a key of `RUNTIMES`. For "python", `spec.runtime` names the class."""
    versions: tuple[ServedVersion, ...]
    """At least one; newest first."""

    @property
    def default(self) -> int:
        """The version that serves requests without a version."""
        return self.spec.default_version or self.versions[0].number


@dataclass(frozen=True, slots=True)
class Rejected:
    """A model that cannot be served with its current spec and files."""

    name: str
    reason: str
    """For the operator: what is rejected, why, and what to do if that is not obvious."""
    place: str | None
    """The folder or file inside the repository that is at fault; None if there is none."""
    key: str = field(default="name", compare=False)
    """The key of the model's YAML that is closest to the cause."""


def resolve_all(
    specs: Iterable[ModelSpec], snapshot: Snapshot, budgets: Mapping[str, int] | None = None
) -> tuple[Resolved | Rejected, ...]:
    """Every spec, in order. `budgets` are the bytes of memory of the pools. Raises KeyError if the snapshot lacks a folder."""
    sizes = budgets or {}
    return tuple(resolve(spec, snapshot.folders[spec.folder], sizes.get(spec.pool or "")) for spec in specs)


def resolve(spec: ModelSpec, folder: FolderSnapshot, budget_bytes: int | None = None) -> Resolved | Rejected:
    """Select the versions, check that each can be served, and find their runtime.

    A version that is still being written is skipped. A complete version that cannot be served is an error: serving an older version
    in its place would surprise the operator.
    """
    try:
        versions = _choose(spec, folder)
        runtimes = [_runtime(spec, folder, version) for version in versions]
        _check_one_runtime(folder, versions, runtimes)
        if budget_bytes is not None:
            _check_size(spec, folder, versions, budget_bytes)
    except _Rejection as rejection:
        return Rejected(spec.name, *rejection.args)
    return Resolved(spec, runtimes[0], tuple(ServedVersion(version.number, version.digest) for version in versions))


class _Rejection(Exception):
    """Its arguments are the fields of Rejected after the name."""


def _choose(spec: ModelSpec, folder: FolderSnapshot) -> list[VersionSnapshot]:
    if folder.problem:
        raise _Rejection(folder.problem, folder.folder)
    if not folder.exists:
        raise _Rejection(f"there is no folder {folder.folder} in the model repository", None, "path")
    # A version that was complete and is being changed stays available, so that its model is rejected and the running versions
    # stay: a touched file must not bring back an older version until the change has settled.
    available = {version.number: version for version in folder.versions if version.settled or version.was_settled}
    if absent := version_policy.missing(available, spec.versions, spec.named_versions):
        raise _Rejection(_absent(folder, available, absent), folder.folder, _yaml_key(spec, absent[0]))
    chosen = [available[number] for number in version_policy.choose(available, spec.versions, spec.named_versions)]
    if not chosen:
        raise _Rejection(_nothing_complete(folder), folder.folder)
    for version in chosen:
        _check_version(folder, version)
    return chosen


def _yaml_key(spec: ModelSpec, number: int) -> str:
    """The key of the model's YAML that names this version."""
    if isinstance(spec.versions, list) and number in spec.versions:
        return "versions"
    return "default" if spec.default == number else "version_labels"


def _check_version(folder: FolderSnapshot, version: VersionSnapshot) -> None:
    place = f"{folder.folder}/{version.number}"
    if not version.settled:
        because = f" ({version.problem})" if version.problem else ""
        raise _Rejection(f"version {version.number} is {IN_PLACE}{because}: waiting for it to complete", place)
    if version.problem:
        raise _Rejection(f"version {version.number} cannot be served: {version.problem}", place)


def _runtime(spec: ModelSpec, folder: FolderSnapshot, version: VersionSnapshot) -> str:
    try:
        return runtime_of(spec, version.files)
    except UnusableVersion as error:
        reason, file = error.args
        place = f"{folder.folder}/{version.number}" + (f"/{file}" if file else "")
        raise _Rejection(f"version {version.number} {reason}", place, "runtime") from None


def _check_one_runtime(folder: FolderSnapshot, versions: Sequence[VersionSnapshot], runtimes: Sequence[str]) -> None:
    """A replica loads all versions of a model into one process, with one runtime."""
    newest, first = versions[0], runtimes[0]
    for version, runtime in zip(versions, runtimes, strict=True):
        if runtime != first:
            raise _Rejection(
                f"version {newest.number} needs the runtime {first} and version {version.number} needs {runtime}: all "
                "served versions of a model must have the same runtime",
                f"{folder.folder}/{version.number}",
            )


def _check_size(
    spec: ModelSpec, folder: FolderSnapshot, versions: Sequence[VersionSnapshot], budget_bytes: int
) -> None:
    """The memory of a model is known when it is loaded. Its files must fit: a replica reads them as a whole."""
    size = sum(file.size_bytes for version in versions for file in version.files)
    if size > budget_bytes:
        raise _Rejection(
            f"the files of the served versions have {size_text(size)}, and the models of pool {spec.pool!r} may use "
            f"{size_text(budget_bytes)}",
            folder.folder,
            "pool",
        )


def _absent(folder: FolderSnapshot, available: Iterable[int], absent: Sequence[int]) -> str:
    if writing := [version for version in folder.versions if version.number in absent]:
        return _still_written(writing)
    there = f"there is {_listed(sorted(available, reverse=True))}" if available else "there is none"
    return f"{_versions(absent)} not in {folder.folder}: {there}"


def _nothing_complete(folder: FolderSnapshot) -> str:
    name = folder.folder
    if not folder.versions:
        return f"there is no version in {name}: a version is a folder whose name is a number, such as {name}/1"
    return f"there is no complete version in {name}: {_still_written(folder.versions)}"


def _still_written(versions: Sequence[VersionSnapshot]) -> str:
    names = [f"{version.number} ({version.problem})" if version.problem else version.number for version in versions]
    return f"{_versions(names)} {STILL_WRITTEN}"


def _versions(names: Sequence[object]) -> str:
    return f"version {names[0]} is" if len(names) == 1 else f"versions {_listed(names)} are"


def _listed(items: Sequence[object]) -> str:
    return ", ".join(map(str, items))
