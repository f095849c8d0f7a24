"""A model repository on disk, and a clock that a test may advance."""

import time
from collections.abc import Collection
from pathlib import Path

import pytest

from modelyard.repository.scan import DigestCache, scan
from modelyard.repository.snapshot import FolderSnapshot, Snapshot, VersionSnapshot

SETTLE_S = 60.0
"""Longer than any test, so files that a test writes never settle by the machine's clock."""


class CountingCache(DigestCache):
    """Counts the files that were hashed because their digest was not known."""

    def __init__(self) -> None:
        super().__init__()
        self.misses: list[str] = []

    def content(self, path, identity):
        known = super().content(path, identity)
        if known is None:
            self.misses.append("/".join(path[1]))
        return known


class RepositoryOnDisk:
    """`root` is the repository; `later_s` is how far the scan's clock is ahead of the machine's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = CountingCache()
        self.later_s = 2 * SETTLE_S
        root.mkdir()

    def put(self, files: dict[str, bytes | str]) -> None:
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())

    def scan(self, *folders: str, settle_s: float = SETTLE_S) -> Snapshot:
        return scan(self.root, folders, settle_s=settle_s, now=lambda: time.time() + self.later_s, cache=self.cache)

    def folder(self, name: str = "churn") -> FolderSnapshot:
        return self.scan(name).folders[name]

    def version(self, number: int = 1, folder: str = "churn") -> VersionSnapshot:
        (found,) = [version for version in self.folder(folder).versions if version.number == number]
        return found

    def numbers(self, folder: str = "churn") -> Collection[int]:
        return [version.number for version in self.folder(folder).versions]


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryOnDisk:
    return RepositoryOnDisk(tmp_path / "repository")
