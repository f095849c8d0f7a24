"""Access to the repository's files that cannot leave the repository, even if the tree changes meanwhile.

Every path is opened one name at a time from a descriptor of the root, and no step follows a symbolic link. The kernel never
resolves a path, so there is no gap between a check and its use. A link is read as text and its target is computed. If the target is
inside the repository, the walk starts again at the root, this time without links. So one link is followed; a link to a link, and
with it every loop of links, is rejected.
"""

import io
import itertools
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

RepoPath = tuple[str, ...]
"""Names from the root down to a file or directory, with no link among them."""

Identity = tuple[int, int, int, int, int]
"""Device, inode, size, mtime and ctime in ns. While it stays the same, so does the content: no program can set a ctime."""

NAME = re.compile(r"(?!\.\.?$)[^/\\\x00-\x1f\x7f\ud800-\udfff]+")
"""Allowed file names: UTF-8, no control characters (a manifest line ends with one), no slashes, not "." or ".."."""

GONE = (FileNotFoundError, NotADirectoryError)
"""Raised for an entry that was found before and that is now removed, or is a link or a file instead of a directory."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: if a FIFO replaces the file after the check, opening it must not wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NOT_OPENED = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a device", stat.S_IFCHR: "a device"}


class NotAllowed(Exception):
    """An entry that is never read. Its one argument is the reason, worded to follow the name: "is a FIFO"."""


class FileChanged(Exception):
    """A file is not the one that was found. Its one argument is the path inside the repository."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or directory inside the repository."""

    place: RepoPath
    stat: os.stat_result
    """Of the entry itself, never of a link."""
    changed_ns: int
    """The later of its ctime and that of the link that led to it."""

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory; else it is a regular file."""
        return stat.S_ISDIR(self.stat.st_mode)

    @property
    def identity(self) -> Identity:
        """A value that changes when the content does."""
        return identity_of(self.stat)


class Tree:
    """An open model repository; a context manager."""

    def __init__(self, root: Path) -> None:
        """Raises OSError if the root cannot be opened. The root may be a link: the operator configures it."""
        self.root = Path(os.path.realpath(root))
        # An absolute link inside may contain either path of the root.
        self._names_of_root = (self.root, Path(os.path.abspath(root)))  # noqa: PTH100 - resolve() would give realpath again
        self._fd = os.open(self.root, _DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @contextmanager
    def directory(self, place: RepoPath) -> Iterator["Directory"]:
        """Open a directory. Raises OSError; NotADirectoryError if a part of the path is now a link."""
        with ExitStack() as opened:
            fd = self._fd
            for name in place:
                fd = os.open(name, _DIRECTORY, dir_fd=fd)
                opened.callback(os.close, fd)
            yield Directory(self, place, fd)

    @contextmanager
    def open(self, found: Entry) -> Iterator[io.FileIO]:
        """Open a file for reading. Raises OSError, and FileChanged if it differs from `found`, before or after the block."""
        *above, name = found.place
        with self.directory(tuple(above)) as directory, directory.open(name) as stream:
            _check_unchanged(found, stream)
            yield stream
            _check_unchanged(found, stream)

    def find(self, path: str) -> Entry:
        """The entry at a path inside the repository; each name may be a link. Raises what `Directory.find` raises."""
        place: RepoPath = ()
        for name in path.split("/"):
            with self.directory(place) as directory:
                found = directory.find(name)
            place = found.place
        return found

    def target(self, directory: RepoPath, link: str) -> RepoPath:
        """The target of a link in `directory`. Raises NotAllowed if it is outside the repository."""
        # Normalised as text. If "a" is a link, the kernel resolves "a/.." differently, but no walk here passes a link.
        target = Path(os.path.normpath(self.root.joinpath(*directory, link)))
        for root in self._names_of_root:
            if target != root and target.is_relative_to(root):
                return target.relative_to(root).parts
        raise NotAllowed("is a symbolic link that leaves the repository")


class Directory:
    """An open directory of a tree."""

    def __init__(self, tree: Tree, place: RepoPath, fd: int) -> None:
        self._tree = tree
        self._place = place
        self._fd = fd

    def names(self, at_most: int) -> list[str]:
        """Its names, sorted. If there are more than `at_most`, an arbitrary `at_most` of them."""
        with os.scandir(self._fd) as entries:
            return sorted(entry.name for entry in itertools.islice(entries, at_most))

    def find(self, name: str) -> Entry:
        """The file or directory of this name; for a link, its target.

        Raises FileNotFoundError and other OSErrors, and NotAllowed: for a link that leaves the repository, that has no target or
        that leads to another link; for a FIFO, socket or device; for a file with hard links; for a name outside NAME.
        """
        if not NAME.fullmatch(name):
            raise NotAllowed(
                "has a name with characters that are not allowed" if name.strip(".") else "leads elsewhere"
            )
        found = self._stat(name)
        if stat.S_ISLNK(found.stat.st_mode):
            found = self._follow(found, os.readlink(name, dir_fd=self._fd))
        mode = found.stat.st_mode
        if kind := _NOT_OPENED.get(stat.S_IFMT(mode)):
            raise NotAllowed(f"is {kind}")
        if stat.S_ISREG(mode) and found.stat.st_nlink > 1:
            # The other name may be outside the repository, where others can change the content.
            raise NotAllowed("has hard links")
        return found

    @contextmanager
    def open(self, name: str) -> Iterator[io.FileIO]:
        """Open a file of this directory, not through a link, without blocking. Raises OSError."""
        with io.FileIO(os.open(name, _FILE, dir_fd=self._fd)) as stream:
            yield stream

    def _stat(self, name: str) -> Entry:
        here = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        return Entry((*self._place, name), here, here.st_ctime_ns)

    def _follow(self, link: Entry, text: str) -> Entry:
        target = self._tree.target(self._place, text)
        try:
            with self._tree.directory(target[:-1]) as parent:
                there = parent._stat(target[-1])
        except FileNotFoundError:
            raise NotAllowed("is a symbolic link to nothing") from None
        except NotADirectoryError:
            raise NotAllowed("is a symbolic link through another link, or through a file") from None
        if stat.S_ISLNK(there.stat.st_mode):
            raise NotAllowed("is a symbolic link to another link")
        return Entry(there.place, there.stat, max(link.changed_ns, there.changed_ns))


def identity_of(status: os.stat_result) -> Identity:
    """What changes when a file is written or replaced.

    The change time alone tells two contents apart on a local file system; a network file system may not have one.
    """
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _check_unchanged(found: Entry, stream: io.FileIO) -> None:
    if identity_of(os.fstat(stream.fileno())) != found.identity:
        raise FileChanged("/".join(found.place))
