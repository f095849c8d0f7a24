"""Clients of every protocol with one interface: a response, or an error in the protocol's form."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import orjson
from websockets.sync.client import connect

from tests.contract.client import Client, request
from tests.contract.grpc_call import Call, call, framed
from tests.contract.replica import PREDICT, Replica
from tests.fakes import PATIENCE_S

ERROR = {"error"}
OIP = "/v2/models/doubler/infer"

ErrorResponse = tuple[int, str]
"""A status of HTTP or gRPC, and the error message."""


class ProtocolClient(Protocol):
    """A client with one connection."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def fetch(self, sent: Any) -> ErrorResponse | None:
        """Send a request. Returns its error, or None."""


@dataclass(frozen=True)
class Binary:
    """JSON, followed by raw contents."""

    document: bytes
    raw: bytes
    length: str | None = None
    """The stated length of the JSON, if it differs from the real one."""

    @property
    def stated_length(self) -> str:
        return str(len(self.document)) if self.length is None else self.length


class Http:
    """A client of any path. With `member`, an error is an object with that member only, else a problem document."""

    def __init__(self, rig: Replica, path: str, member: str = "", **headers: str) -> None:
        self.client = Client(rig.http_server.port)
        self._path, self._member, self._headers = path, member, headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.__exit__()

    def fetch(self, sent: bytes | Binary) -> ErrorResponse | None:
        self.client.send(self.request(sent))
        return self.read()

    def read(self) -> ErrorResponse | None:
        """Read the next response."""
        response = self.client.read()
        if response.status == 200:
            return None
        if self._member:
            assert response.json.keys() == {self._member}
            return response.status, response.json[self._member]
        assert response.header("content-type") == "application/problem+json"
        assert response.json["status"] == response.status
        return response.status, response.json["detail"]

    def request(self, sent: bytes | Binary) -> bytes:
        if isinstance(sent, bytes):
            return request(self._path, sent, **self._headers)
        length = sent.stated_length
        return request(self._path, sent.document + sent.raw, inference_header_content_length=length, **self._headers)


class Sse(Http):
    """A client of a streaming endpoint. It reads the whole response, chunk by chunk."""

    def read(self) -> ErrorResponse | None:
        client = self.client
        response = client.read()
        if response.status != 200:
            result = response.json[self._member or "detail"]
            return response.status, result
        while size := int(client.line(), 16):
            client.take(size + 2)
        assert client.line() == ""
        return None


class Grpc:
    """Calls of one message."""

    def __init__(self, rig: Replica) -> None:
        self._client = Client(rig.http_server.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def fetch(self, sent: dict[str, Any]) -> ErrorResponse | None:
        result = call(self._client, "ModelInfer", framed("ModelInfer", model_name="doubler", **sent))
        return (result.status, result.trailers["grpc-message"]) if result.status else None


class GrpcStream(Grpc):
    """One stream of many messages."""

    def __enter__(self) -> Self:
        self._call = Call(self._client, "ModelStreamInfer")
        self._call.start()
        self._call.head()
        return self

    def fetch(self, sent: dict[str, Any]) -> ErrorResponse | None:
        self._call.send(framed("ModelInfer", model_name="doubler", **sent))
        result = self._call.read()
        assert result is not None, "the stream has ended"
        return (3, result.error_message) if result.error_message else None


class Socket:
    """Messages of a WebSocket."""

    def __init__(self, rig: Replica, path: str = "/models/doubler/ws") -> None:
        url = f"ws://127.0.0.1:{rig.http_server.port}{path}"
        self._opened = connect(url, open_timeout=PATIENCE_S, proxy=None)

    def __enter__(self) -> Self:
        self._socket = self._opened.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.__exit__(None, None, None)

    def fetch(self, sent: bytes | Binary) -> ErrorResponse | None:
        if isinstance(sent, Binary):
            self._socket.send(struct.pack("<I", int(sent.stated_length) & 0xFFFFFFFF) + sent.document + sent.raw)
        else:
            self._socket.send(sent.decode())
        response = self._socket.recv(PATIENCE_S)
        result = orjson.loads(response) if isinstance(response, str) else {}
        return (result["status"], result["detail"]) if "status" in result else None


PROTOCOL_CLIENTS: dict[str, Callable[[Replica], ProtocolClient]] = {
    "predict": lambda rig: Http(rig, PREDICT, content_type="application/json"),
    "csv": lambda rig: Http(rig, PREDICT, content_type="text/csv"),
    "npy": lambda rig: Http(rig, PREDICT, content_type="application/x-npy"),
    "arrow": lambda rig: Http(rig, PREDICT, content_type="application/vnd.apache.arrow.stream"),
    "invocations": lambda rig: Http(rig, "/models/doubler/invocations", content_type="application/json"),
    "tensorflow": lambda rig: Http(rig, "/v1/models/doubler:predict", "error"),
    "oip": lambda rig: Http(rig, OIP, "error"),
    "oip binary": lambda rig: Http(rig, OIP, "error"),
    "oip raw body": lambda rig: Http(rig, OIP, "error", inference_header_content_length="0"),
    "generate": lambda rig: Http(rig, "/v2/models/doubler/generate", "error"),
    "generate stream": lambda rig: Sse(rig, "/v2/models/doubler/generate_stream", "error"),
    "events": lambda rig: Sse(rig, "/models/doubler/stream"),
    "grpc": Grpc,
    "grpc stream": GrpcStream,
    "websocket": Socket,
    "websocket binary": Socket,
    "websocket parts": lambda rig: Socket(rig, "/models/doubler/ws?stream=true"),
}


def raw(*values: float) -> bytes:
    return np.array(values, np.float32).tobytes()
