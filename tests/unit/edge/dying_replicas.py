"""Replicas that die or freeze: a killed process closes all its connections and its port."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"


class DyingReplica:
    """A replica that answers with its name, on persistent connections.

    It dies at a request whose body contains DIE, in the middle of its response if it contains HALF, and freezes if it
    contains FREEZE.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0
        """Complete requests."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def kill(self) -> None:
        for each in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection.makefile("rb") as requests:
            while requests.readline():
                body = _body(requests, dict(_headers(requests)))
                self.asked += 1
                response = ANSWER % (b"text/plain", len(self.name), self.name.encode())
                if b"HALF" in body:
                    connection.sendall(response[:-1])
                if b"DIE" in body or b"HALF" in body:
                    self.kill()
                elif b"FREEZE" not in body:
                    connection.sendall(response)


def _headers(requests: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while line := requests.readline().strip():
        name, _, value = line.partition(b":")
        yield name.lower(), value.strip()


def _body(requests: BinaryIO, headers: dict[bytes, bytes]) -> bytes:
    if b"content-length" in headers:
        return requests.read(int(headers[b"content-length"]))
    pieces = []
    while size := int(requests.readline(), 16) if b"transfer-encoding" in headers else 0:
        pieces.append(requests.read(size))
        requests.readline()
    if b"transfer-encoding" in headers:
        requests.readline()
    return b"".join(pieces)


@contextmanager
def dying_replicas(count: int) -> Iterator[list[DyingReplica]]:
    """Replicas, which run until the end of the block."""
    replicas = [DyingReplica(f"replica {number}") for number in range(count)]
    try:
        yield replicas
    finally:
        for each in replicas:
            each.kill()
