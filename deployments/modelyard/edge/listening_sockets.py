"""A copy of HAProxy's listening sockets, kept for when HAProxy dies: clients wait in them instead of being refused.

HAProxy passes its sockets to the next process that starts with `-x`. That process sends a command; the old one replies with the
number of sockets, then sends the sockets in several messages, each after an acknowledgement of the one before (`_getsocks` in
HAProxy's src/cli.c, `sock_get_old_sockets` in src/sock.c; unchanged since HAProxy 2.3). This module fetches the sockets as a next
process does, and passes them on as an old process does.
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
"""The number of sockets; also the form of an acknowledgement."""
MAX_SOCKETS_PER_MESSAGE = 252
"""HAProxy's MAX_SEND_FD."""
MAX_MESSAGE_BYTES = MAX_SOCKETS_PER_MESSAGE * 600
"""A description has the names of a network namespace and an interface, at most 255 bytes each, and options."""


@dataclass(frozen=True, slots=True)
class SocketsMessage:
    """One message of sockets."""

    description: bytes
    sockets: Sequence[int]
    """File descriptors."""


class ListeningSockets:
    """The sockets of the HAProxy from which they were fetched last."""

    def __init__(self, path: Path) -> None:
        """`path` is the Unix socket for the next process's `-x`. It exists from the first `fetch` to `close`."""
        self.path = path
        self._messages: Sequence[SocketsMessage] = ()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None

    def fetch(self, admin: Path) -> None:
        """Copy the sockets of the HAProxy with this admin socket, in place of earlier ones. Raises AdminError."""
        with connected(admin) as connection:
            messages = list(_received(connection))
        with self._lock:
            previous, self._messages = self._messages, messages
        _close(previous)
        if self._listener is None:
            self._listener = self._listen()

    def close(self) -> None:
        """Close the copies and remove `path`."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # ends accept() in the thread
            self._listener.close()
            self.path.unlink(missing_ok=True)
        with self._lock:
            previous, self._messages = self._messages, ()
        _close(previous)

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen()
        threading.Thread(target=self._serve, args=(listener,), name="sockets", daemon=True).start()
        return listener

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            with connection, suppress(OSError), self._lock:  # OSError: the next process died meanwhile
                connection.settimeout(TIMEOUT_S)
                if connection.recv(len(GET_SOCKETS)) == GET_SOCKETS:
                    _send(connection, self._messages)


def _received(connection: socket.socket) -> Iterator[SocketsMessage]:
    connection.sendall(GET_SOCKETS)
    (count,) = COUNT.unpack(connection.recv(COUNT.size, socket.MSG_WAITALL).ljust(COUNT.size, b"\0"))
    received = 0
    while received < count:
        description, sockets, _, _ = socket.recv_fds(connection, MAX_MESSAGE_BYTES, MAX_SOCKETS_PER_MESSAGE)
        if not description:
            raise ConnectionError(f"received {received} of {count} sockets")
        received += len(sockets)
        connection.sendall(COUNT.pack(received))
        yield SocketsMessage(description, sockets)


def _send(connection: socket.socket, messages: Sequence[SocketsMessage]) -> None:
    connection.sendall(COUNT.pack(sum(len(message.sockets) for message in messages)))
    for message in messages:
        socket.send_fds(connection, [message.description], list(message.sockets))
        connection.recv(COUNT.size)


def _close(messages: Sequence[SocketsMessage]) -> None:
    for message in messages:
        for each in message.sockets:
            os.close(each)
