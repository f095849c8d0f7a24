"""The Unix socket at which a running server is asked: made and reached whatever the length of its folder's path.

The kernel takes 107 bytes of path for a socket (unix(7)). A folder that is open has a short path too, below /proc/self/fd.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "control.sock"
MAX_WAITING = 64
"""Connections that the kernel keeps until they are accepted."""


def listen(folder: Path) -> socket.socket:
    """A listening socket for this user alone, in place of one that an ended server left. Raises OSError.

    The caller holds the folder's lock, so that it is no other server's.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as path:
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            path.chmod(0o600)  # before it listens: nobody else could have connected
        listener.listen(MAX_WAITING)
    except OSError:
        listener.close()
        raise
    return listener


def connect(folder: Path, timeout_s: float) -> socket.socket:
    """A connection to the server. Raises OSError: there is no such socket, or nobody listens on it."""
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
    """Take the socket's file away."""
    (folder / NAME).unlink(missing_ok=True)


@contextmanager
def _short(folder: Path) -> Iterator[Path]:
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{opened}", NAME)
    finally:
        os.close(opened)
