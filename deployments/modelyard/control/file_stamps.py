"""A stamp of the configuration and the model folders, from `stat` alone: it changes when a file does. Reads no file.

It does not use inotify: a network file system sends no events, instances may be used up, and a watch is bound to the inode that was
at a path when the watch began. A check costs a few microseconds a file.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from modelyard.repository.scan import VERSION

Stamp = tuple[object, ...]
DEEPEST = 32
"""Folders below a version; a link may lead back up."""
SETTLED_S = 3.0
"""A folder's times may be as coarse as 2 s (FAT). So it is listed again until they have been the same for so long."""
MAX_LISTINGS = 100_000
"""Listings that are remembered. All are forgotten then: a server may see many folders in its life."""


class _Listing(NamedTuple):
    state: object
    """Of the folder: what changes when a name is added to it or removed."""
    since: float
    """When this state was first seen."""
    names: list[str]
    settled: bool
    """Whether the names were listed when the state had been the same for SETTLED_S."""


class Listings:
    """The names in folders. A folder that has not changed is not listed again, because that takes longer than all else here."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[str, _Listing] = {}

    def names(self, folder: str, found: os.stat_result) -> list[str]:
        """The sorted names in a folder whose status is `found`. If it cannot be listed, one that no file has."""
        # The time of change (ctime) is there because a program can set the other one (mtime).
        state = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        known, now = self._known.get(folder), self._now()
        if known is None or known.state != state:
            known = _Listing(state, now, [], settled=False)
        if not known.settled:
            try:
                names = sorted(os.listdir(folder))  # noqa: PTH208 - a Path object an entry would cost more than the listing
            except OSError as error:
                self._known.pop(folder, None)
                return [f"/{error.errno}"]
            known = _Listing(state, known.since, names, now - known.since >= SETTLED_S)
            if len(self._known) >= MAX_LISTINGS:
                self._known.clear()
            self._known[folder] = known
        return known.names


def config_stamp(config_dir: Path, listings: Listings) -> Stamp:
    """The stamp of all files that `config.load` reads. Never raises OSError."""
    config = str(config_dir)
    return (
        *(_stat(f"{config}/{name}")[0] for name in ("", "server.yaml", "server.yml")),
        *_below(f"{config}/models", listings, deep=1),
        *_below(f"{config}/pools", listings, deep=1),
    )


def repository_stamp(repository: Path, folders: Iterable[str], listings: Listings) -> Stamp:
    """The stamp of the versions in these model folders. Never raises OSError."""
    return tuple(part for folder in folders for part in _versions(f"{repository}/{folder}", listings))


def _versions(folder: str, listings: Listings) -> Iterator[object]:
    """The stamp of a model's folder, without what is beside its versions, such as a copy in progress."""
    seen, found = _stat(folder)
    yield seen
    for name in listings.names(folder, found) if found else ():
        if VERSION.fullmatch(name):
            yield name
            yield from _below(f"{folder}/{name}", listings, deep=DEEPEST)


def _below(path: str, listings: Listings, *, deep: int) -> Iterator[object]:
    """The stamp of a file, or of a folder and its content."""
    seen, found = _stat(path)
    yield seen
    if found and deep:
        for name in listings.names(path, found):
            yield name
            yield from _below(f"{path}/{name}", listings, deep=deep - 1)


def _stat(path: str) -> tuple[object, os.stat_result | None]:
    """What changes when a file is written or a folder is replaced, links followed; and the status of a folder.

    A folder's times are left out: files that are not read change them too, and its names are listed anyway.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path object would cost more than the call
    except OSError as error:
        return error.errno, None
    if stat.S_ISDIR(found.st_mode):
        return (found.st_dev, found.st_ino, found.st_mode), found
    return (found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns), None
