"""The result of a scan: plain frozen values, so that every decision about them is a pure function."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a version."""

    path: str
    """Relative to the version directory, with slashes: "model.onnx", "weights/0.bin"."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class VersionSnapshot:
    """One version directory."""

    number: int
    files: tuple[FileEntry, ...]
    """Sorted by path. With a problem, the files that could be listed."""
    digest: str
    """`digest.digest` of the files; "" for a version that is not settled or has a problem."""
    problem: str | None
    """Why it cannot be served, for the operator. For a version that is not settled, what it waits for other than time."""
    settled: bool
    """Whether the version is complete: nothing in it changed for `settle_s`, and it has no `.incomplete` marker."""
    was_settled: bool = False
    """Not settled now, but complete in an earlier scan: it is being changed in place."""


@dataclass(frozen=True, slots=True)
class FolderSnapshot:
    """One model's folder."""

    folder: str
    """Relative to the repository, as in the spec."""
    exists: bool
    versions: tuple[VersionSnapshot, ...]
    """By number, lowest first."""
    problem: str | None = None
    """Why the folder itself cannot be read; it then has no versions."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The requested folders at one time."""

    root: Path
    folders: Mapping[str, FolderSnapshot]
    settles_in_s: float | None
    """Seconds until every version that is being written is settled, if nothing more is written: the time for the next scan.

    None if no version waits for time alone.
    """
