"""The repository's files, reached in a way that cannot leave it, whatever changes under our feet.

Every path is walked one name at a time from a descriptor of the root, and no step follows a symbolic link: the kernel
is never asked to resolve a path, so there is no moment between a check and its use. A link is read as text, its target
is computed, and if that lies inside the repository the walk starts again at the root, this time with no links allowed.
So a link is followed once; a link to a link, and with it every loop of links, is refused.
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
"""Device, inode, size, mtime and ctime in ns: while it is the same, so is the content. Nobody can set a ctime."""

NAME = re.compile(r"(?!\.\.?$)[^/\\\x00-\x1f\x7f\ud800-\udfff]+")
"""What a file may be called: UTF-8, no control characters (a line of the manifest ends with one), no way up or down."""

GONE = (FileNotFoundError, NotADirectoryError)
"""Raised where something was found a moment ago, and is now away, or is a link or a file instead of a directory."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Never waits for the other end of a FIFO, should one take the place of the file that was looked at.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NOT_OPENED = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a device", stat.S_IFCHR: "a device"}


class NotAllowed(Exception):
    """Something that is never read; its one argument follows the name in a sentence: "is a FIFO"."""


class FileChanged(Exception):
    """A file is no longer the one that was found; its one argument is its path inside the repository."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or directory inside the repository."""

    place: RepoPath
    stat: os.stat_result
    """Its own, never a link's."""
    changed_ns: int
    """Its ctime, or that of the link that led here where the link is younger."""

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory; else it is a regular file."""
        return stat.S_ISDIR(self.stat.st_mode)

    @property
    def identity(self) -> Identity:
        """What changes when the content does."""
        return _identity(self.stat)


class Tree:
    """An open model repository; a context manager."""

    def __init__(self, root: Path) -> None:
        """Raises OSError where the root cannot be opened. It may itself be a link: that is the operator's word."""
        self.root = Path(os.path.realpath(root))
        # An absolute link inside may name the root either way.
        self._names_of_root = (self.root, Path(os.path.abspath(root)))  # noqa: PTH100 - resolve() would give realpath again
        self._fd = os.open(self.root, _DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @contextmanager
    def directory(self, place: RepoPath) -> Iterator["Directory"]:
        """Open a directory. Raises OSError; NotADirectoryError where a step is a link by now."""
        with ExitStack() as opened:
            fd = self._fd
            for name in place:
                fd = os.open(name, _DIRECTORY, dir_fd=fd)
                opened.callback(os.close, fd)
            yield Directory(self, place, fd)

    @contextmanager
    def open(self, found: Entry) -> Iterator[io.FileIO]:
        """Open a file for reading. Raises OSError, and FileChanged where it is not, or does not stay, what was found."""
        *above, name = found.place
        with self.directory(tuple(above)) as directory, directory.open(name) as stream:
            _check_unchanged(found, stream)
            yield stream
            _check_unchanged(found, stream)

    def find(self, path: str) -> Entry:
        """What is at a path inside the repository; each name may be a link. Raises what `Directory.find` does."""
        place: RepoPath = ()
        for name in path.split("/"):
            with self.directory(place) as directory:
                found = directory.find(name)
            place = found.place
        return found

    def target(self, directory: RepoPath, link: str) -> RepoPath:
        """Where a link in `directory` leads. Raises NotAllowed where that is outside."""
        # Normalised as text. Where a is a link the kernel reads "a/.." another way, but no walk of ours passes a link.
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
        """The names in it, sorted; `at_most` of them, whichever come first, where there are more."""
        with os.scandir(self._fd) as entries:
            return sorted(entry.name for entry in itertools.islice(entries, at_most))

    def find(self, name: str) -> Entry:
        """The file or directory of this name; where it is a link, what that leads to.

        Raises FileNotFoundError and other OSErrors, and NotAllowed: for a link that leaves the repository, leads to
        nothing or to another link; for a FIFO, socket or device; for a file with hard links; for a name not of NAME.
        """
        if not NAME.fullmatch(name):
            raise NotAllowed(
                "has a name with characters that are not allowed" if name.strip(".") else "leads elsewhere"
            )
        found = self._look(name)
        if stat.S_ISLNK(found.stat.st_mode):
            found = self._follow(found, os.readlink(name, dir_fd=self._fd))
        mode = found.stat.st_mode
        if kind := _NOT_OPENED.get(stat.S_IFMT(mode)):
            raise NotAllowed(f"is {kind}")
        if stat.S_ISREG(mode) and found.stat.st_nlink > 1:
            # The other name may be outside, where somebody else can change the content.
            raise NotAllowed("has hard links")
        return found

    @contextmanager
    def open(self, name: str) -> Iterator[io.FileIO]:
        """Open a file of this directory as it is, not through a link; never waits. Raises OSError."""
        with io.FileIO(os.open(name, _FILE, dir_fd=self._fd)) as stream:
            yield stream

    def _look(self, name: str) -> Entry:
        here = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        return Entry((*self._place, name), here, here.st_ctime_ns)

    def _follow(self, link: Entry, text: str) -> Entry:
        target = self._tree.target(self._place, text)
        try:
            with self._tree.directory(target[:-1]) as parent:
                there = parent._look(target[-1])
        except FileNotFoundError:
            raise NotAllowed("is a symbolic link to nothing") from None
        except NotADirectoryError:
            raise NotAllowed("is a symbolic link through another link, or through a file") from None
        if stat.S_ISLNK(there.stat.st_mode):
            raise NotAllowed("is a symbolic link to another link")
        return Entry(there.place, there.stat, max(link.changed_ns, there.changed_ns))


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _check_unchanged(found: Entry, stream: io.FileIO) -> None:
    if _identity(os.fstat(stream.fileno())) != found.identity:
        raise FileChanged("/".join(found.place))
