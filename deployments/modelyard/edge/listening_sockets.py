"""HAProxy's listening sockets, kept for when it dies: clients then wait for the next one, and are not refused.

HAProxy hands its sockets to its successor, which it is given with `-x`: at the successor's word it says how many there are, then
sends them in parts, each after the one before was acknowledged (`_getsocks` in its src/cli.c, `sock_get_old_sockets` in src/sock.c;
the same since HAProxy 2.3). This asks as a successor does, and answers as a predecessor would.
"""

import os
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelyard.edge.admin_socket import TIMEOUT_S, connected

GET_SOCKETS = b"_getsocks\n"
COUNT = struct.Struct("=i")
"""How many sockets there are; also an acknowledgement."""
MAX_SOCKETS_PER_MESSAGE = 252
"""HAProxy's MAX_SEND_FD."""
MAX_MESSAGE_BYTES = MAX_SOCKETS_PER_MESSAGE * 600
"""What describes so many: the names of a network namespace and an interface, 255 bytes each at most, and options."""


@dataclass(frozen=True, slots=True)
class SocketsMessage:
    """What comes in one message."""

    description: bytes
    sockets: Sequence[int]
    """File descriptors."""


class ListeningSockets:
    """The sockets of the HAProxy that was asked last."""

    def __init__(self, path: Path) -> None:
        """`path` is for a successor's `-x`; nothing is there before the first sockets are kept."""
        self.path = path
        self._parts: Sequence[SocketsMessage] = ()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None

    def fetch(self, admin: Path) -> None:
        """Keep those of the HAProxy with this admin socket. Raises AdminError."""
        with connected(admin) as connection:
            parts = list(_received(connection))
        with self._lock:
            before, self._parts = self._parts, parts
        _close(before)
        if self._listener is None:
            self._listener = self._listen()

    def close(self) -> None:
        """Let go of them."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept()
            self._listener.close()
            self.path.unlink(missing_ok=True)
        with self._lock:
            before, self._parts = self._parts, ()
        _close(before)

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen()
        threading.Thread(target=self._answer, args=(listener,), name="sockets", daemon=True).start()
        return listener

    def _answer(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            with connection, suppress(OSError), self._lock:  # a successor that dies meanwhile
                connection.settimeout(TIMEOUT_S)
                if connection.recv(len(GET_SOCKETS)) == GET_SOCKETS:
                    _send(connection, self._parts)


def _received(connection: socket.socket) -> Iterator[SocketsMessage]:
    connection.sendall(GET_SOCKETS)
    (count,) = COUNT.unpack(connection.recv(COUNT.size, socket.MSG_WAITALL).ljust(COUNT.size, b"\0"))
    got = 0
    while got < count:
        description, sockets, _, _ = socket.recv_fds(connection, MAX_MESSAGE_BYTES, MAX_SOCKETS_PER_MESSAGE)
        if not description:
            raise ConnectionError(f"{got} of {count} came")
        got += len(sockets)
        connection.sendall(COUNT.pack(got))
        yield SocketsMessage(description, sockets)


def _send(connection: socket.socket, parts: Sequence[SocketsMessage]) -> None:
    connection.sendall(COUNT.pack(sum(len(part.sockets) for part in parts)))
    for part in parts:
        socket.send_fds(connection, [part.description], list(part.sockets))
        connection.recv(COUNT.size)


def _close(parts: Sequence[SocketsMessage]) -> None:
    for part in parts:
        for each in part.sockets:
            os.close(each)
