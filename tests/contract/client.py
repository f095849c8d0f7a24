"""A client that sends exactly the bytes of the test, and reads responses one by one."""

import json
import socket
import struct
from dataclasses import dataclass
from typing import Any, Self

from tests.fakes import PATIENCE_S


@dataclass
class Response:
    """One response."""

    version: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of every header of this name."""
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2, f"{name} comes twice: {values}"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def small_buffers(endpoint: socket.socket) -> None:
    """Small kernel buffers: by default the kernel buffers megabytes before a slow reader has an effect."""
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**15)
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**15)


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        small_buffers(self.socket)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self.socket.getsockname()[1]
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def read(self, *, head: bool = False) -> Response:
        """The next response. `head`: without a body, as for HEAD."""
        version, _, rest = self.line().partition(" ")
        headers = []
        while line := self.line():
            name, _, value = line.partition(": ")
            headers.append((name.lower(), value))
        response = Response(version, int(rest.split(" ")[0]), headers, b"")
        length = response.header("content-length")
        if length is not None and not head:
            response.body = self._file.read(int(length))
        return response

    def fetch(self, *pieces: bytes) -> Response:
        self.send(*pieces)
        return self.read()

    def at_end(self) -> bool:
        """Whether the server has closed the connection, and nothing more came."""
        return self._file.read(1) == b""

    def reset(self) -> None:
        """Close with a reset, as HAProxy does when its client disconnects."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._file.close()
        self.socket.close()

    def take(self, size: int) -> bytes:
        """So many bytes."""
        return self._file.read(size)

    def line(self) -> str:
        line = self._file.readline()
        assert line.endswith(b"\r\n"), f"the response is truncated: {line!r}"
        return line[:-2].decode("latin-1")


def request(path: str, body: bytes = b"", method: str = "POST", version: str = "1.1", **headers: str) -> bytes:
    """A request with a content-length and these headers; underscores in their names are hyphens."""
    lines = [f"{method} {path} HTTP/{version}", "host: replica"]
    if body or method == "POST":
        lines.append(f"content-length: {len(body)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(path: str, *chunks: bytes, **headers: str) -> bytes:
    """The same with a chunked body."""
    head = request(path, transfer_encoding="chunked", **headers).replace(b"content-length: 0\r\n", b"")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
