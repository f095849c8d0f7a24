"""A stamp of the configuration and the model folders, from `stat` alone: it changes when a file does. Reads no file.

It does not use inotify: a network file system sends no events, instances may be used up, and a watch is bound to the inode that was
at a path when the watch began. A check costs a few microseconds a file.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from modelyard.repository.scan import VERSION

Stamp = tuple[object, ...]
DEEPEST = 32
"""Folders below a version; a link may lead back up."""


def config_stamp(config_dir: Path) -> Stamp:
    """The stamp of all files that `config.load` reads. Never raises OSError."""
    config = str(config_dir)
    return (
        *(_stat(f"{config}/{name}")[0] for name in ("", "server.yaml", "server.yml")),
        *_below(f"{config}/models", deep=1),
        *_below(f"{config}/pools", deep=1),
    )


def repository_stamp(repository: Path, folders: Iterable[str]) -> Stamp:
    """The stamp of the versions in these model folders. Never raises OSError."""
    return tuple(part for folder in folders for part in _versions(f"{repository}/{folder}"))


def _versions(folder: str) -> Iterator[object]:
    """The stamp of a model's folder, without what is beside its versions, such as a copy in progress."""
    yield _stat(folder)[0]
    for name in _names(folder):
        if VERSION.fullmatch(name):
            yield name
            yield from _below(f"{folder}/{name}", deep=DEEPEST)


def _below(path: str, *, deep: int) -> Iterator[object]:
    """The stamp of a file, or of a folder and its content."""
    seen, is_folder = _stat(path)
    yield seen
    if is_folder and deep:
        for name in _names(path):
            yield name
            yield from _below(f"{path}/{name}", deep=deep - 1)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - a Path object an entry would cost more than the listing
    except OSError as error:
        return [f"/{error.errno}"]  # no file has such a name


def _stat(path: str) -> tuple[object, bool]:
    """What changes when a file is written or a folder is replaced, links followed; and whether it is a folder.

    A folder's times are left out: files that are not read change them too, and its names are listed anyway.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - see _names
    except OSError as error:
        return error.errno, False
    if stat.S_ISDIR(found.st_mode):
        return (found.st_dev, found.st_ino, found.st_mode), True
    return (found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns), False
