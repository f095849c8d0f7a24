"""The files of one version directory, listed before any of them is opened."""

from dataclasses import dataclass, field

from modelyard.repository.safe_tree import GONE, Directory, Entry, NotAllowed, RepoPath, Tree

INCOMPLETE_MARKER = ".incomplete"
"""A file of this name in a version directory says that the copy is not complete."""
MAX_ENTRIES = 10_000
"""Files and folders in a version. A model has a few; more than this is a mistake, and would slow every scan."""
MAX_DEPTH = 16
"""Depth of nested folders in a version."""


@dataclass(slots=True)
class Listing:
    """The files of a version, and what is wrong with it."""

    changed_ns: int
    """The latest ctime of any file, folder or link in it."""
    files: dict[str, Entry] = field(default_factory=dict)
    """Regular files by their path inside the version."""
    incomplete: bool = False
    """Whether INCOMPLETE_MARKER is there."""
    problem: str | None = None
    """The first entry that is rejected, with its path and the reason. The listing continues after it."""
    entries: int = 0
    """Files and folders listed so far."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """One folder to list."""

    place: RepoPath
    prefix: str
    above: tuple[tuple[int, int], ...]
    """Device and inode of each folder from the version down to this one."""


def listing(tree: Tree, version: Entry) -> Listing:
    """List everything in a version. Raises GONE if something is removed meanwhile."""
    seen = Listing(version.changed_ns)
    waiting = [_Folder(version.place, "", (_device_and_inode(version),))]
    while waiting and seen.entries <= MAX_ENTRIES:
        folder = waiting.pop()
        try:
            with tree.directory(folder.place) as directory:
                waiting += _list(seen, directory, folder)
        except GONE:
            raise
        except OSError as error:
            _record_problem(seen, folder.prefix.rstrip("/") or "its folder", error)
    if seen.entries > MAX_ENTRIES:
        seen.problem = f"it contains more than {MAX_ENTRIES:,} files and folders"
    return seen


def explain(error: NotAllowed | OSError) -> str:
    """Why something cannot be read, worded to follow its name."""
    return f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)


def _list(seen: Listing, directory: Directory, folder: _Folder) -> list[_Folder]:
    """Add one folder's entries to the listing, and return its subfolders."""
    names = directory.names(at_most=MAX_ENTRIES + 1 - seen.entries)
    seen.entries += len(names)
    below = []
    for name in names:
        path = folder.prefix + name
        if path == INCOMPLETE_MARKER:
            seen.incomplete = True
            continue
        try:
            found = directory.find(name)
            seen.changed_ns = max(seen.changed_ns, found.changed_ns)
            if found.is_directory:
                below.append(_enter(found, path, folder))
            else:
                seen.files[path] = found
        except GONE:
            raise
        except (NotAllowed, OSError) as error:
            _record_problem(seen, path, error)
    return below


def _enter(found: Entry, path: str, folder: _Folder) -> _Folder:
    inode = _device_and_inode(found)
    if inode in folder.above:
        raise NotAllowed("is a symbolic link to a folder that contains it")
    if len(folder.above) == MAX_DEPTH:
        raise NotAllowed(f"is more than {MAX_DEPTH} folders deep")
    return _Folder(found.place, f"{path}/", (*folder.above, inode))


def _record_problem(seen: Listing, path: str, error: NotAllowed | OSError) -> None:
    # The name itself may be the problem. It is escaped so that it cannot disturb a terminal or a log.
    shown = path if path.isprintable() else ascii(path)
    seen.problem = seen.problem or f"{shown} {explain(error)}"


def _device_and_inode(found: Entry) -> tuple[int, int]:
    return found.stat.st_dev, found.stat.st_ino
