"""Scans the repository on disk into a snapshot. Other modules decide what to do with it."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from modelyard.repository.completeness import Completeness, completeness_of
from modelyard.repository.digest import ManifestEntry, digest
from modelyard.repository.listing import INCOMPLETE_MARKER, Listing, explain, listing
from modelyard.repository.pointer_files import HEAD_BYTES, PointerFile, pointer_file, pointer_problem
from modelyard.repository.safe_tree import GONE, Directory, Entry, FileChanged, Identity, NotAllowed, RepoPath, Tree
from modelyard.repository.snapshot import FileEntry, FolderSnapshot, Snapshot, VersionSnapshot

VERSION = re.compile(r"[1-9][0-9]{0,17}")
"""The name of a version: a positive decimal number that fits 64 bits, without sign or leading zeros."""
MAX_NAMES = 10_000
"""Entries in a model's folder."""
CTIME_TICK_S = 0.1
"""ctimes have a resolution of some milliseconds: a file that changed within this time may change again and keep its ctime."""

CachePath = tuple[Path, RepoPath]
"""The real path of the root, and the path below it."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the cache stores about a file's bytes."""

    sha256: str
    """In hex."""
    pointer_file: PointerFile


class DigestCache:
    """Results of earlier scans, so that a rescan reads no unchanged file. For one thread."""

    def __init__(self) -> None:
        self._contents: dict[CachePath, tuple[Identity, Content]] = {}
        self._complete: set[CachePath] = set()

    def copy(self) -> "DigestCache":
        """A copy for another thread; this cache may be in use meanwhile."""
        other = DigestCache()
        other._contents, other._complete = dict(self._contents), set(self._complete)
        return other

    def content(self, path: CachePath, identity: Identity) -> Content | None:
        """The stored result for this file, if the file has not changed since."""
        known = self._contents.get(path)
        return known[1] if known and known[0] == identity else None

    def remember(self, path: CachePath, identity: Identity, content: Content) -> None:
        """Store the result for a file."""
        self._contents[path] = identity, content

    def was_complete(self, version: CachePath) -> bool:
        """Whether this version was settled in some scan and present in every scan since."""
        return version in self._complete

    def keep_only(self, files: set[CachePath], complete: set[CachePath]) -> None:
        """End a scan: drop what it did not find, so that the cache does not outgrow the repository."""
        self._contents = {path: known for path, known in self._contents.items() if path in files}
        self._complete = complete


def scan(
    root: Path, folders: Iterable[str], *, settle_s: float, now: Callable[[], float], cache: DigestCache
) -> Snapshot:
    """A snapshot of the model folders; `now` returns seconds since the epoch, the unit of ctimes.

    Never raises for the content of the repository: an entry that cannot be read has a `problem`, and does not affect others.
    """
    try:
        tree = Tree(root)
    except FileNotFoundError:
        return Snapshot(root, {folder: FolderSnapshot(folder, False, ()) for folder in folders}, None)
    except OSError as error:
        problem = f"the model repository {root} {explain(error)}"
        return Snapshot(root, {folder: FolderSnapshot(folder, True, (), problem) for folder in folders}, None)
    with tree:
        scanner = _Scanner(tree, settle_s, now, cache)
        seen = {folder: scanner.folder(folder) for folder in folders}
        cache.keep_only(scanner.files, scanner.complete)
        return Snapshot(root, seen, scanner.settles_in_s())


class _Scanner:
    """One scan, and what it has found so far."""

    def __init__(self, tree: Tree, settle_s: float, now: Callable[[], float], cache: DigestCache) -> None:
        self._tree = tree
        self._settle_s = settle_s
        self._now = now
        self._cache = cache
        self._settles_at: float | None = None
        self.files: set[CachePath] = set()
        self.complete: set[CachePath] = set()

    def settles_in_s(self) -> float | None:
        """See Snapshot."""
        return None if self._settles_at is None else max(0.0, self._settles_at - self._now())

    def folder(self, folder: str) -> FolderSnapshot:
        """One model's folder."""
        try:
            found = self._tree.find(folder)
            if not found.is_directory:
                return FolderSnapshot(folder, True, (), f"{folder} is a file, not a folder")
            with self._tree.directory(found.place) as directory:
                names = directory.names(at_most=MAX_NAMES + 1)
                if len(names) > MAX_NAMES:
                    return FolderSnapshot(folder, True, (), f"{folder} contains more than {MAX_NAMES:,} entries")
                numbers = sorted(int(name) for name in names if VERSION.fullmatch(name))
                versions = [self._version(directory, folder, number) for number in numbers]
        except GONE:
            return FolderSnapshot(folder, False, ())
        except (NotAllowed, OSError) as error:
            return FolderSnapshot(folder, True, (), f"{folder} {explain(error)}")
        return FolderSnapshot(folder, True, tuple(version for version in versions if version is not None))

    def _version(self, directory: Directory, folder: str, number: int) -> VersionSnapshot | None:
        """One version; None if it is not a directory or was removed."""
        try:
            found = directory.find(str(number))
            if not found.is_directory:
                return None
            try:
                return self._inspect(found, folder, number)
            except (*GONE, FileChanged):
                directory.find(str(number))  # raises GONE if the version itself was removed
                return self._unsettled(folder, number, Completeness(self._settle_s))
        except GONE:
            return None
        except (NotAllowed, OSError) as error:
            return VersionSnapshot(number, (), "", f"it {explain(error)}", settled=True)

    def _inspect(self, version: Entry, folder: str, number: int) -> VersionSnapshot:
        """Raises GONE and FileChanged if files change meanwhile."""
        seen = listing(self._tree, version)
        self.files |= {self._cache_path(file) for file in seen.files.values()}
        state = completeness_of(
            changed_s=seen.changed_ns / 1e9,
            now_s=self._now(),
            settle_s=self._settle_s,
            marker=INCOMPLETE_MARKER if seen.incomplete else None,
        )
        files = tuple(FileEntry(path, seen.files[path].stat.st_size) for path in sorted(seen.files))
        if not state.settled:
            return self._unsettled(folder, number, state, files)
        self.complete.add(self._version_path(folder, number))
        sha256, problem = ("", seen.problem) if seen.problem else self._digest(seen)
        return VersionSnapshot(number, files, sha256, problem, settled=True)

    def _digest(self, seen: Listing) -> tuple[str, str | None]:
        """The version's digest and None, or "" and the reason why there is no digest."""
        entries = []
        for path, file in seen.files.items():
            try:
                content = self._content(file)
            except GONE:
                raise
            except OSError as error:
                return "", f"{path} {explain(error)}"
            if reason := pointer_problem(path, content.pointer_file):
                return "", f"{path} {reason}"
            entries.append(ManifestEntry(path, file.stat.st_size, content.sha256))
        return digest(entries), None

    def _unsettled(
        self, folder: str, number: int, state: Completeness, files: tuple[FileEntry, ...] = ()
    ) -> VersionSnapshot:
        path = self._version_path(folder, number)
        if was_settled := self._cache.was_complete(path):
            self.complete.add(path)
        if state.wait_s is not None:
            self._settles_at = max(self._settles_at or 0, self._now() + state.wait_s)
        return VersionSnapshot(number, files, "", state.problem, settled=False, was_settled=was_settled)

    def _content(self, file: Entry) -> Content:
        path = self._cache_path(file)
        known = self._cache.content(path, file.identity)
        if known is not None:
            return known
        with self._tree.open(file) as stream:
            head = stream.read(HEAD_BYTES) or b""
            hashed = hashlib.sha256(head)
            content = Content(hashlib.file_digest(stream, lambda: hashed).hexdigest(), pointer_file(head))
        if self._now() - file.changed_ns / 1e9 > CTIME_TICK_S:
            self._cache.remember(path, file.identity, content)
        return content

    def _cache_path(self, file: Entry) -> CachePath:
        return self._tree.root, file.place

    def _version_path(self, folder: str, number: int) -> CachePath:
        return self._tree.root, (folder, str(number))
