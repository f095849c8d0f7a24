"""The Unix socket of a running server, whatever the length of its folder's path.

A socket's path has at most 107 bytes (unix(7)). An open folder also has a short path, below /proc/self/fd.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "control.sock"
MAX_WAITING = 64
"""Connections that wait in the kernel until they are accepted."""


def listen(folder: Path) -> socket.socket:
    """A listening socket for this user alone, in place of one that an earlier server left. Raises OSError.

    The caller holds the folder's lock, so that no other server uses it.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as path:
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            path.chmod(0o600)  # before it listens: no other user could have connected
        listener.listen(MAX_WAITING)
    except OSError:
        listener.close()
        raise
    return listener


def connect(folder: Path, timeout_s: float) -> socket.socket:
    """A connection to the server. Raises OSError if there is no such socket, or no process listens on it."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        with _short(folder) as path:
            connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def remove(folder: Path) -> None:
    """Delete the socket's file."""
    (folder / NAME).unlink(missing_ok=True)


@contextmanager
def _short(folder: Path) -> Iterator[Path]:
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{opened}", NAME)
    finally:
        os.close(opened)
