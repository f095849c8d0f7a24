"""A small disk mounted over a folder. Tests fill it, or make it read-only, while a server uses it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class Disk:
    """A file system in memory."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Skips the test if this user may not mount a file system."""
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        done = _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "none", str(folder))
        if done.returncode != 0:
            pytest.skip(f"no disk of a test's own: {done.stderr.strip()}")

    @contextmanager
    def full(self) -> Iterator[None]:
        """The disk has no free byte."""
        filler = self._folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        try:
            yield
        finally:
            filler.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """No file can be created, replaced or opened for writing. Open files stay writable: otherwise the remount would fail."""
        folder = str(self._folder)
        _run("mount", "--bind", folder, folder).check_returncode()
        try:
            _run("mount", "-o", "remount,ro,bind", folder).check_returncode()
            yield
        finally:
            _run("umount", folder).check_returncode()

    def remove(self) -> None:
        """Unmount it. The processes that used it must have ended."""
        _run("umount", "--lazy", str(self._folder))
        with suppress(OSError):
            self._folder.rmdir()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
