"""A small disk in the place of a folder, which is filled, or made read-only, while a server uses it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class Disk:
    """A file system in memory."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Skips the test where this user may not mount one."""
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        done = _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "none", str(folder))
        if done.returncode != 0:
            pytest.skip(f"no disk of a test's own: {done.stderr.strip()}")

    @contextmanager
    def full(self) -> Iterator[None]:
        """It takes no byte more."""
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
        """No file can be made, replaced or opened for writing; what is open may be written, or this would be refused."""
        folder = str(self._folder)
        _run("mount", "--bind", folder, folder).check_returncode()
        try:
            _run("mount", "-o", "remount,ro,bind", folder).check_returncode()
            yield
        finally:
            _run("umount", folder).check_returncode()

    def remove(self) -> None:
        """Whoever used it has ended."""
        _run("umount", "--lazy", str(self._folder))
        with suppress(OSError):
            self._folder.rmdir()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
