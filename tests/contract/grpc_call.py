"""gRPC calls as HAProxy passes them on: HTTP/1.1 with chunks and trailers, written and read byte by byte."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.protocols.grpc.frames import FrameReader, frame
from modelyard.protocols.grpc.messages import INFERENCE, methods
from tests.contract.client import Client

METHODS = methods(INFERENCE)
LIMIT = 2**26


@dataclass
class Called:
    """The result of a call."""

    messages: list[Any]
    trailers: dict[str, str]
    """Of a call without a message, its headers."""

    @property
    def status(self) -> int:
        return int(self.trailers["grpc-status"])

    @property
    def message(self) -> Any:
        """The only message."""
        assert self.status == 0, self.trailers
        (message,) = self.messages
        return message


@dataclass
class Call:
    """A call on a connection. Its responses are read as they arrive."""

    client: Client
    method: str
    headers: dict[str, str] = field(default_factory=dict)
    response: Any = None
    """The type of its responses; None for that of the method."""

    def start(self) -> None:
        """The request's head."""
        path = METHODS[self.method].path.decode()
        lines = {"content-type": "application/grpc", "transfer-encoding": "chunked", **self.headers}
        result = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.client.send(f"POST {path} HTTP/1.1\r\nhost: replica\r\n{result}\r\n".encode())

    def send(self, *pieces: bytes) -> None:
        """The next chunks of its body; an empty one would end it."""
        for piece in filter(None, pieces):
            self.client.send(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        """Of the request."""
        self.client.send(b"0\r\n\r\n")

    def head(self) -> dict[str, str]:
        """The headers of the response."""
        assert self.client.line().startswith("HTTP/1.1 200")
        return self._headers()

    def read(self) -> Any | None:
        """The next message, which must be in one chunk, or None at the end."""
        size = int(self.client.line(), 16)
        if not size:
            return None
        reader = FrameReader(b"", LIMIT)
        reader.feed(self.client.take(size))
        assert self.client.line() == ""
        message = reader.next()
        reader.end()
        assert message is not None
        return (self.response or METHODS[self.method].response).FromString(message)

    def rest(self) -> Called:
        """All that is still to come, after the head."""
        messages = []
        while (message := self.read()) is not None:
            messages.append(message)
        return Called(messages, self._headers())

    def _headers(self) -> dict[str, str]:
        result = {}
        while line := self.client.line():
            name, _, value = line.partition(": ")
            result[name] = value
        return result


def call(client: Client, method: str, body: bytes | Sequence[bytes], **headers: str) -> Called:
    """Make a call and read its response. `body` are the chunks of the request. Underscores in the names of headers are hyphens."""
    rig = Call(client, method, {name.replace("_", "-"): value for name, value in headers.items()})
    rig.start()
    rig.send(*([body] if isinstance(body, bytes) else body))
    rig.end()
    head = rig.head()
    if "grpc-status" in head:
        assert head["content-length"] == "0"
        return Called([], head)
    assert head["transfer-encoding"] == "chunked"
    return rig.rest()


def framed(method: str, **fields: Any) -> bytes:
    """A frame with a request of the method."""
    return frame(METHODS[method].request(**fields).SerializeToString())
