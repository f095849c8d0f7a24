"""What a scan saw: plain frozen values, so that every decision over them is a pure function."""

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
    """By path; what could be listed, where there is a problem."""
    digest: str
    """`manifest.digest` of the files; "" for a version that is not settled or has a problem."""
    problem: str | None
    """Why it cannot be served, for the operator; where it is not settled, what it waits for besides time."""
    settled: bool
    """Whether the version is complete: nothing in it changed for a while, and no marker says that more is to come."""
    was_settled: bool = False
    """Not settled now, but complete in an earlier scan: somebody changes it in place."""


@dataclass(frozen=True, slots=True)
class FolderSnapshot:
    """One model's folder."""

    folder: str
    """Relative to the repository, as the spec has it."""
    exists: bool
    versions: tuple[VersionSnapshot, ...]
    """By number, lowest first."""
    problem: str | None = None
    """Why the folder itself cannot be read; then it has no versions."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The folders that were asked for, at one time."""

    root: Path
    folders: Mapping[str, FolderSnapshot]
    settles_in_s: float | None
    """Seconds until all that is being written now will have settled, if nothing more is written: scan again then.

    None where nothing waits for time alone.
    """
