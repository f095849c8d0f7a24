"""gRPC calls through the real HAProxy: the server that each reaches, trailers, and the edge's own errors."""

import gzip
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import grpc
import pytest

from modelyard.edge.request_rules import BUFFER_BYTES, MAX_HEADERS_BYTES
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.messages import ModelInferRequest
from tests.unit.edge.proxy import PATIENCE_S, Edge, Listening, accept_and_close

SERVICE = "/inference.GRPCInferenceService"
BODY_LIMIT = 100_000
LONG = "a-name.of_sixty-three-characters-which-is-the-longest-there-may"


@dataclass(slots=True)
class Replica:
    """Answers each message of a call with its own name, and records the calls."""

    name: str
    port: int
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """Path, headers and body."""


@contextmanager
def replica(name: str) -> Iterator[Replica]:
    class Response(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/grpc")
            self.send_header("transfer-encoding", "chunked")
            self.send_header("trailer", "grpc-status")
            self.end_headers()
            body, answered = b"", 0
            for piece in self._pieces():
                body += piece
                while len(body) >= answered + 5 and len(body) >= (end := answered + 5 + _length(body[answered:])):
                    answered = end
                    self._chunk(frame(name.encode()))
            headers = {key.lower(): value for key, value in self.headers.items()}
            kept.calls.append((self.path, headers, body))
            self.wfile.write(b"0\r\ngrpc-status: 0\r\nx-by: %b\r\n\r\n" % name.encode())

        def _pieces(self) -> Iterator[bytes]:
            if length := self.headers.get("content-length"):
                yield self.rfile.read(int(length))
                return
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = Listening(("127.0.0.1", 0), Response)
    server.daemon_threads = True
    server.block_on_close = False  # closing would wait for HAProxy's idle connections
    kept = Replica(name, server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _length(body: bytes) -> int:
    length: int = struct.unpack_from(">I", body, 1)[0]
    return length


@dataclass(slots=True)
class Running:
    """HAProxy's gRPC port and its servers."""

    edge: Edge
    replicas: dict[str, Replica]
    channel: grpc.Channel

    def call(self, message: bytes, method: str = "ModelInfer", path: str = "", **options: object) -> bytes:
        """The response to a unary call."""
        invoke = self.channel.unary_unary(path or f"{SERVICE}/{method}")
        response: bytes = invoke(message, timeout=PATIENCE_S, **options)
        return response

    def refusal(self, message: bytes, method: str = "ModelInfer", **options: object) -> grpc.RpcError:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(message, method, **options)
        return caught.value


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One edge for all tests. The replica of `away` is down, `asleep` has none, and that of `frail` dies on its first request."""
    edge = Edge(tmp_path_factory.mktemp("edge"))
    edge.write(body=BODY_LIMIT)
    with (
        replica("gateway") as gateway,
        replica("churn") as churn,
        replica("m") as short,
        replica(LONG) as long,
        socket.create_server(("127.0.0.1", 0)) as dies,
    ):
        threading.Thread(target=accept_and_close, args=(dies,), daemon=True).start()
        replicas = {each.name: each for each in (gateway, churn, short, long)}
        ports = {name: [each.port] for name, each in replicas.items()}
        with (
            edge.running({**ports, "away": [0], "asleep": [], "frail": [dies.getsockname()[1]]}),
            grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel,
        ):
            yield Running(edge, replicas, channel)
    edge.close()


def asking(name: str, **more: object) -> bytes:
    message: bytes = ModelInferRequest(model_name=name, **more).SerializeToString()
    return message


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("churn", "churn"),
        ("m", "m"),
        (LONG, LONG),
        ("", "gateway"),
        ("nobody", "gateway"),
        ("gateway", "gateway"),
        ("churn/x", "gateway"),
        ("asleep", "gateway"),
        ("x" * 5000, "gateway"),
        ("ünknown", "gateway"),
    ],
    ids=lambda name: name[:20],
)
@pytest.mark.parametrize("method", ["ModelInfer", "ModelReady", "ModelMetadata", "ModelConfig"])
def test_a_call_on_a_model_reaches_the_models_own_servers_or_else_the_gateway(running, method, name, reached):
    message = asking(name)
    assert running.call(message, method) == reached.encode()
    assert running.replicas[reached].calls[-1][2] == frame(message), "as the client sent it"


@pytest.mark.parametrize(
    "path",
    [
        f"{SERVICE}/ServerLive",
        f"{SERVICE}/RepositoryModelLoad",
        f"{SERVICE}/NoSuchMethod",
        f"{SERVICE}/ModelStatistics",
        "/grpc.health.v1.Health/Check",
        "/models/churn/predict",
    ],
)
def test_everything_else_is_the_gateways(running, path):
    assert running.call(asking("churn"), path=path) == b"gateway"


def test_trailers_come_through(running):
    _, call = running.channel.unary_unary(f"{SERVICE}/ModelInfer").with_call(asking("churn"), timeout=PATIENCE_S)
    assert ("x-by", "churn") in call.trailing_metadata()


def test_a_large_message_is_routed_by_its_beginning(running):
    message = asking("churn", raw_input_contents=[bytes(90_000)])
    assert running.call(message) == b"churn"
    assert running.replicas["churn"].calls[-1][2] == frame(message)


def test_a_name_that_is_not_the_first_field_is_found_near_the_start(running):
    body = b"\x1a\x02id" + asking("churn")
    assert running.call(body) == b"churn"


def test_a_compressed_message_is_the_gateways(running):
    message = asking("churn", raw_input_contents=[bytes(1000)])
    assert running.call(message, compression=grpc.Compression.Gzip) == b"gateway"
    body = running.replicas["gateway"].calls[-1][2]
    assert (body[0], gzip.decompress(body[5:])) == (1, message)


def test_a_model_whose_replicas_are_all_down_is_unavailable(running):
    error = running.refusal(asking("away"))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert error.details() == "no replica of the model is available"


def test_a_replica_that_dies_on_a_call_makes_the_model_unavailable(running):
    error = running.refusal(asking("frail"))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "no replica of the model responded")


@pytest.mark.parametrize("name", ["m", "churn", LONG])
def test_a_stream_is_routed_by_its_first_message_before_there_is_another(running, name):
    """Each message is sent when the previous one is answered."""
    questions: list[bytes] = [asking(name, inputs=[{"name": "x", "datatype": "FP32", "shape": [1, 1]}])] * 3
    answered = threading.Semaphore(0)

    def fetch() -> Iterator[bytes]:
        for question in questions:
            yield question
            assert answered.acquire(timeout=PATIENCE_S)

    started = time.monotonic()
    answers = running.channel.stream_stream(f"{SERVICE}/ModelStreamInfer")(fetch(), timeout=PATIENCE_S)
    for response in answers:
        assert response == name.encode()
        answered.release()
    assert time.monotonic() - started < PATIENCE_S / 2, "it does not wait for more bytes"


def test_a_message_above_the_limit_is_rejected_if_the_client_sends_its_length(running):
    body, headers = bytes(BODY_LIMIT + 1), {"content_type": "application/grpc", "te": "trailers"}
    response = running.edge.fetch(f"{SERVICE}/ModelInfer", "POST", body, port=running.edge.grpc_port, **headers)
    assert (response.status, response.headers["grpc-status"]) == (200, "8")
    assert response.headers["content-type"] == "application/grpc"
    assert str(BODY_LIMIT) in response.headers["grpc-message"]


@pytest.mark.parametrize("size", [1000, 8000, MAX_HEADERS_BYTES - 1000])
def test_large_metadata_passes(running, size):
    assert running.call(asking("churn"), metadata=[("x-much", "x" * size)]) == b"churn"
    assert running.replicas["churn"].calls[-1][1]["x-much"] == "x" * size


@pytest.mark.parametrize("size", [MAX_HEADERS_BYTES, BUFFER_BYTES - 3000])
def test_a_call_with_too_much_metadata_fails_alone(running, size):
    question = asking("churn", inputs=[{"name": "x", "datatype": "FP32", "shape": [1, 1]}])
    over = threading.Event()

    def fetch() -> Iterator[bytes]:
        yield question
        assert over.wait(PATIENCE_S)
        yield question

    neighbour = running.channel.stream_stream(f"{SERVICE}/ModelStreamInfer")(fetch(), timeout=PATIENCE_S)
    assert next(neighbour) == b"churn"
    error = running.refusal(asking("churn"), metadata=[("x-much", "x" * size)])
    over.set()
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(MAX_HEADERS_BYTES) in error.details()
    assert list(neighbour) == [b"churn"]


def test_errors_of_serves_proxy_are_replaced(edge):
    edge.write()
    with (
        replica("proxy") as proxy,
        edge.running({"churn": [0]}, fallback=proxy.port),
        grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel,
    ):
        error = Running(edge, {}, channel).refusal(asking("churn"))
    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert error.details() == "no replica of the model is available"


def test_clients_cannot_change_how_serve_treats_their_call(running):
    running.call(asking("churn"), metadata=[("x-request-timeout-seconds", "0.001"), ("x-request-id", "mine")])
    headers = running.replicas["churn"].calls[-1][1]
    assert "x-request-timeout-seconds" not in headers
    assert headers["x-request-id"] == "mine"


def test_a_request_that_is_not_grpc_gets_415(running):
    response = running.edge.fetch("/", "POST", b"", port=running.edge.grpc_port, content_type="application/json")
    assert response.status == 415
