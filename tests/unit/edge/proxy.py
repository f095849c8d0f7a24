"""A real HAProxy with the edge's frontends and a file such as Ray Serve writes, in front of small real servers."""

import contextlib
import http.client
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

from modelyard.config.server_spec import ServerSpec
from modelyard.control.ports import haproxy_binary
from modelyard.edge.files import LAUNCHER, EdgeFiles
from modelyard.edge.model_maps import EdgeModel

PATIENCE_S = 20


@dataclass(slots=True)
class Backend:
    """A server that answers every request with its own name, and records the requests."""

    name: str
    port: int
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers (lower-case names) of each request."""


class Listening(ThreadingHTTPServer):
    """With a longer backlog than Python's five connections: a client waits a second when it is full."""

    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: HAProxy may reset connections when it ends."""


@contextmanager
def backend(
    name: str, status: int = 200, content_type: str = "text/plain", *, keeps: bool = False
) -> Iterator[Backend]:
    """A server on its own port, until the end of the block. With `keeps`, connections are persistent, like those of replicas."""

    class Response(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if keeps else "HTTP/1.0"

        def setup(self) -> None:
            super().setup()
            connections.append(self.connection)

        def do_GET(self) -> None:
            sent.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
            body = name.encode()
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("content-type", content_type)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = Listening(("127.0.0.1", 0), Response)
    connections: list[socket.socket] = []
    sent = Backend(name, server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield sent
    finally:
        server.shutdown()
        for connection in connections:
            with contextlib.suppress(OSError):  # already closed
                connection.shutdown(socket.SHUT_RD)  # requests that have arrived are answered
        server.server_close()
        thread.join()


def serve_config(
    port: int,
    backends: Mapping[str, Sequence[int]],
    fallback: int | None = None,
    errors: Path | None = None,
    admin: Path | None = None,
) -> str:
    """What Ray Serve would write: a frontend of its own, and a backend an application with its replicas' ports.

    `fallback` is the port of Serve's Python proxy, which follows the replicas of each. A port 0 is a server that is down.
    `errors` is the file that replaces HAProxy's own responses, `admin` the path of its admin socket.
    """
    text = f"""\
global
    maxconn 100
    nbthread 1
{"" if admin is None else f'    stats socket "{admin}" mode 666 level admin expose-fd listeners'}
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    option redispatch 1
    retry-on conn-failure empty-response
    retries 8
    balance leastconn
frontend http_frontend
    bind 127.0.0.1:{port}
    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain string serve
"""
    if errors is not None:
        lines = "".join(f"    errorfile {status} {errors}\n" for status in (502, 503, 504))
        text = text.replace("frontend http_frontend\n", f"{lines}frontend http_frontend\n")
    for name, ports in backends.items():
        text += f"backend http-{name}\n    http-reuse always\n"
        text += "    default-server check inter 5s fastinter 250ms downinter 250ms fall 2 rise 2\n"
        for replica in ports:
            text += f"    server SERVE_REPLICA_{name}-model-r{replica} 127.0.0.1:{replica or '1 disabled'}"
            text += " observe layer4 error-limit 1 on-error mark-down\n"
        if fallback is not None:
            text += f"    server SERVE_PROXY_ACTOR-fallback-0123 127.0.0.1:{fallback} backup\n"
    return text


def all_models(custom_routes: Mapping[str, str], *models: EdgeModel) -> dict[str, EdgeModel]:
    """Models by name: these with the default route, and others with their own routes."""
    routed = {name: EdgeModel(route) for route, name in custom_routes.items()}
    return routed | {model.route.removeprefix("/models/"): model for model in models}


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Edge:
    """The edge's files in a folder, and HAProxy, started in the way of Serve."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "the edge's own 100% folder"
        self.files = EdgeFiles(self.folder)
        # A folder whose path has special characters, and is short enough for a Unix socket.
        self._short = tempfile.TemporaryDirectory(dir="/tmp")
        self.link = Path(self._short.name) / "an edge's 100%"
        self.link.symlink_to(self.folder)
        self._held = [_hold_port() for _ in range(5)]
        ports = (int(each.getsockname()[1]) for each in self._held)
        self.serve_port, self.port, self.grpc_port, self.metrics_port, self.open_port = ports
        self._serve_file = root / "haproxy.cfg"

    def close(self) -> None:
        """Release the ports."""
        self._short.cleanup()
        for each in self._held:
            each.close()

    def write(
        self,
        custom_routes: Mapping[str, str] | None = None,
        *models: EdgeModel,
        named: Mapping[str, EdgeModel] = {},
        **server: object,
    ) -> None:
        """`models` have the usual routes, those in `named` any."""
        listen = {
            "http": {"port": self.port},
            "grpc": {"port": self.grpc_port},
            "metrics": {"edge_port": self.metrics_port},
        }
        every = {**all_models(custom_routes or {}, *models), **named}
        self.files.write(ServerSpec.model_validate({**listen, **server}), every)

    @contextmanager
    def running(
        self,
        backends: Mapping[str, Sequence[int]],
        *more: str,
        fallback: int | None = None,
        admin: Path | None = None,
        opened: str = "",
    ) -> Iterator[subprocess.Popen[bytes]]:
        """HAProxy through the launcher, with further arguments of Serve. It listens, and ends with the block."""
        errors = self._serve_file.with_name("500.http")
        errors.write_text("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nServe", newline="")
        self._serve_file.write_text(serve_config(self.serve_port, backends, fallback, errors, admin))
        if opened:
            self._open(opened)
        process = self._launch(*more)
        try:
            self._wait_until_listening(process)
            yield process
        finally:
            process.kill()
            process.communicate()

    def _open(self, address: str) -> None:
        """The address on which Serve binds its statistics."""
        with self._serve_file.open("a") as file:
            file.write(f"listen stats\n    bind {address}{self.open_port}\n    stats enable\n")

    def _launch(self, *more: str) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "MODELYARD_HAPROXY": str(haproxy_binary()), "MODELYARD_EDGE": str(self.link)}
        command = [str(LAUNCHER), "-db", "-f", str(self._serve_file), *more]
        return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def fetch(
        self, path: str, method: str = "GET", body: bytes | None = None, port: int = 0, **headers: str
    ) -> Response:
        """The response of our HTTP frontend, or of another port. Underscores in the names of headers become hyphens."""
        return _ask(
            port or self.port, path, method, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )

    def numbers(self, path: str) -> Response:
        """The response of the frontend for Prometheus."""
        return _ask(self.metrics_port, path, "GET", None, {})

    def _wait_until_listening(self, process: subprocess.Popen[bytes]) -> None:
        """HAProxy answers on any port only once it listens on all of them."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(ConnectionError):
                _ask(self.serve_port, "/", "GET", None, {})
                return
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"HAProxy did not start: {process.communicate()[1].decode()}")
            time.sleep(0.01)


def wait_until_replaced(old: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the old HAProxy has stopped listening, because a new one has taken over."""
    deadline = time.monotonic() + PATIENCE_S
    while old.poll() is None and _listens(old.pid, port):
        assert time.monotonic() < deadline, "the old HAProxy listens on"
        time.sleep(0.01)


def _listens(pid: int, port: int) -> bool:
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    sockets = {f"socket:[{line[9]}]" for line in lines if line[3] == "0A" and int(line[1].split(":")[1], 16) == port}
    with contextlib.suppress(OSError):  # it has ended since
        return any(str(fd.readlink()) in sockets for fd in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _hold_port() -> socket.socket:
    """A port that is reserved while this is open. HAProxy shares its ports, so it can listen on this one."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    return held


def files_of(process: subprocess.Popen[bytes]) -> list[str]:
    """The files with which this HAProxy was started."""
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
    return [Path(file).name for flag, file in pairwise(arguments) if flag == "-f"]


def _ask(port: int, path: str, method: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, dict(headers))
        reply_received = connection.getresponse()
        result = {name.lower(): value for name, value in reply_received.getheaders()}
        return Response(reply_received.status, result, reply_received.read())
    finally:
        connection.close()


def accept_and_close(listener: socket.socket) -> None:
    """A replica that dies as soon as it has a request."""
    message = b""
    while not message:  # else it is HAProxy's health check, which sends nothing
        connection, _ = listener.accept()
        message = connection.recv(1)
    listener.close()
    connection.close()


def test_haproxys_metrics_have_their_own_port(edge, backends):
    edge.fetch("/models/churn/predict", "POST", b"{}")
    result = edge.numbers("/metrics")
    assert result.status == 200
    assert 'haproxy_backend_http_responses_total{proxy="http-churn",code="2xx"} 1' in result.body.decode()
    assert edge.numbers("/").status == 404
    assert edge.fetch("/metrics").body == b"gateway", "clients do not see them"
