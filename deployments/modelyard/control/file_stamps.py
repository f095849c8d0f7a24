"""What the configuration and the model folders look like to `stat`, to be compared: it changes when a file does. Reads no file.

No events of the kernel are used. A network file system sends none, there may be no inotify instance left, and they are bound to
what stood at a path when the watch began. To look costs some microseconds a file.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from modelyard.repository.scan import VERSION

Stamp = tuple[object, ...]
DEEPEST = 32
"""Folders below a version; a link may lead back up."""


def stamp(config_dir: Path, repository: Path, folders: Iterable[str]) -> Stamp:
    """Of all files that `spec.load` reads, and of the versions of these model folders. Never raises OSError."""
    config = str(config_dir)
    return (
        *(_look(f"{config}/{name}")[0] for name in ("", "server.yaml", "server.yml")),
        *_below(f"{config}/models", deep=1),
        *(part for folder in folders for part in _versions(f"{repository}/{folder}")),
    )


def _versions(folder: str) -> Iterator[object]:
    """Of a model's folder; what is beside its versions (one that is being copied, say) does not matter."""
    yield _look(folder)[0]
    for name in _names(folder):
        if VERSION.fullmatch(name):
            yield name
            yield from _below(f"{folder}/{name}", deep=DEEPEST)


def _below(path: str, *, deep: int) -> Iterator[object]:
    """Of a file, or of a folder and what is in it."""
    seen, is_folder = _look(path)
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


def _look(path: str) -> tuple[object, bool]:
    """What changes when a file is written or a folder gets another in its place, links followed; whether it is a folder.

    A folder's times are left out: they change with each file that nobody reads, and its names are listed anyway.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - see _names
    except OSError as error:
        return error.errno, False
    if stat.S_ISDIR(found.st_mode):
        return (found.st_dev, found.st_ino, found.st_mode), True
    return (found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns), False
