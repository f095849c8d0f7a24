"""A file of lines that rotates by size: events, deaths. Several processes may append to it."""

import os
import threading
from collections import deque
from errno import ENOSPC
from pathlib import Path

from modelyard.replica_files.paths import open_private

MAX_WAITING = 1000
"""Lines that wait while the disk cannot be written; the oldest are dropped."""


class AppendFile:
    """Renamed to `<name>.1` when it reaches its size, in place of the one before."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._largest_bytes = max_bytes
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._lock = threading.Lock()
        self._is_cut: bool | None = None
        """Whether the file's last line is incomplete, after a full disk or a power failure; None before the first check."""

    def add(self, line: bytes) -> None:
        """Queue a line, without its newline, for `write`."""
        self._waiting.append(line)

    def write(self) -> None:
        """Write the queued lines. Raises OSError; lines that are not written stay queued."""
        with self._lock:
            while self._waiting:
                self._append(self._waiting[0])
                self._waiting.popleft()

    def _append(self, line: bytes) -> None:
        if self._is_cut is None:
            self._is_cut = _last_line_is_cut(self.path)
        whole = b"\n" * self._is_cut + line + b"\n"
        opened = open_private(self.path)
        try:
            written = os.write(opened, whole)  # one call, so that lines of several processes do not mix
            size = os.fstat(opened).st_size
        finally:
            os.close(opened)
        self._is_cut = written < len(whole)
        if self._is_cut:
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(self.path))
        if size >= self._largest_bytes:
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))


def _last_line_is_cut(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read() != b"\n"
    except FileNotFoundError:
        return False
