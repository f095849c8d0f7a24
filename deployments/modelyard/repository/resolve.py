"""From a spec and a folder to what is served, or to the reason why not. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from modelyard.config.model_spec import ModelSpec
from modelyard.repository import version_policy
from modelyard.repository.artefact import UnusableVersion, runtime_of
from modelyard.repository.snapshot import FolderSnapshot, Snapshot, VersionSnapshot

STILL_WRITTEN, IN_PLACE = "still being written", "being changed in place"
"""In the reason of a refusal that may be over in a moment."""


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A version that the policy chose."""

    number: int
    digest: str
    """See `manifest`; what a replica loads must have it."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model that can be served."""

    spec: ModelSpec
    runtime: str
    """The runtime of every version: "onnx", "sklearn" or "python" (the class is then in `spec.runtime`)."""
    versions: tuple[ServedVersion, ...]
    """At least one; newest first."""

    @property
    def default(self) -> int:
        """The version that answers requests which name none."""
        return self.spec.default_version or self.versions[0].number


@dataclass(frozen=True, slots=True)
class Rejected:
    """A model that cannot be served as its spec and its files are now."""

    name: str
    reason: str
    """For the operator; begins with what is refused, and says what would help where that is not plain."""
    place: str | None
    """The folder or file inside the repository that it is about; None where there is no such thing."""
    key: str = field(default="name", compare=False)
    """The key of the model's file that has most to do with it."""


def resolve_all(specs: Iterable[ModelSpec], snapshot: Snapshot) -> tuple[Resolved | Rejected, ...]:
    """Every spec, in order. The snapshot must hold each spec's folder (KeyError)."""
    return tuple(resolve(spec, snapshot.folders[spec.folder]) for spec in specs)


def resolve(spec: ModelSpec, folder: FolderSnapshot) -> Resolved | Rejected:
    """Choose the versions, make sure that each can be served, and find their runtime.

    A version that is still being written is passed over. One that is complete and cannot be served is not: an older
    version in its place would be a surprise.
    """
    try:
        versions = _choose(spec, folder)
        runtimes = [_runtime(spec, folder, version) for version in versions]
        _check_one_runtime(folder, versions, runtimes)
    except _Rejection as refusal:
        return Rejected(spec.name, *refusal.args)
    return Resolved(spec, runtimes[0], tuple(ServedVersion(version.number, version.digest) for version in versions))


class _Rejection(Exception):
    """The fields of Rejected after the name."""


def _choose(spec: ModelSpec, folder: FolderSnapshot) -> list[VersionSnapshot]:
    if folder.problem:
        raise _Rejection(folder.problem, folder.folder)
    if not folder.exists:
        raise _Rejection(f"there is no folder {folder.folder} in the model repository", None, "path")
    # One that was complete and is being changed stays in the choice, so that its model is refused and what runs is
    # kept: a touched file must not bring back an older version for as long as it takes to settle.
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
    """The key of the model's file that asks for this version."""
    if isinstance(spec.versions, list) and number in spec.versions:
        return "versions"
    return "default" if spec.default == number else "version_labels"


def _check_version(folder: FolderSnapshot, version: VersionSnapshot) -> None:
    place = f"{folder.folder}/{version.number}"
    if not version.settled:
        because = f" ({version.problem})" if version.problem else ""
        raise _Rejection(f"version {version.number} is {IN_PLACE}{because}: waiting until that is done", place)
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
    """Replicas load all versions of a model into one process, through one runtime."""
    newest, first = versions[0], runtimes[0]
    for version, runtime in zip(versions, runtimes, strict=True):
        if runtime != first:
            raise _Rejection(
                f"version {newest.number} is for the runtime {first} and version {version.number} for {runtime}: the "
                "versions that are served together must be of one runtime",
                f"{folder.folder}/{version.number}",
            )


def _absent(folder: FolderSnapshot, available: Iterable[int], absent: Sequence[int]) -> str:
    if writing := [version for version in folder.versions if version.number in absent]:
        return _still_written(writing)
    there = f"there is {_listed(sorted(available, reverse=True))}" if available else "there is none"
    return f"{_versions(absent)} not in {folder.folder}: {there}"


def _nothing_complete(folder: FolderSnapshot) -> str:
    name = folder.folder
    if not folder.versions:
        return f"there is no version in {name}: a version is a folder with a number for a name, such as {name}/1"
    return f"there is no complete version in {name}: {_still_written(folder.versions)}"


def _still_written(versions: Sequence[VersionSnapshot]) -> str:
    told = [f"{version.number} ({version.problem})" if version.problem else version.number for version in versions]
    return f"{_versions(told)} {STILL_WRITTEN}"


def _versions(told: Sequence[object]) -> str:
    return f"version {told[0]} is" if len(told) == 1 else f"versions {_listed(told)} are"


def _listed(items: Sequence[object]) -> str:
    return ", ".join(map(str, items))
