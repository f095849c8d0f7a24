"""The launcher, run as Serve runs it: it becomes HAProxy, with the edge's frontends if HAProxy accepts them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread

import pytest

from modelyard.control.ports import haproxy_binary
from modelyard.edge.files import LAUNCHER
from tests.unit.edge.proxy import Edge, backend, files_of

BROKEN = "frontend edge_http\n    bend 127.0.0.1:1\n"


def test_haproxy_starts_with_the_edges_frontends(edge: Edge):
    edge.write()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}) as process:
        assert edge.fetch("/").body == b"gateway"
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
        assert command[0].endswith("/haproxy"), "it execs: Serve sends signals to this process id"
        assert command[1:4] == ["-db", "-f", str(edge.folder.parent / "haproxy.cfg")], "by this Serve finds its workers"
    assert edge.files.haproxy_error() == ""


def test_until_serve_has_a_gateway_clients_get_503_with_retry_after(edge: Edge):
    edge.write()
    with edge.running({}):
        response = edge.fetch("/models")
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert b"the server is starting" in response.body
    assert edge.files.haproxy_error() == ""


def test_a_model_is_served_before_there_is_a_gateway(edge: Edge):
    edge.write()
    with backend("churn") as churn, edge.running({"churn": [churn.port]}):
        assert edge.fetch("/models/churn/predict").body == b"churn"


def test_a_model_whose_name_begins_like_the_gateway_is_not_the_gateway(edge: Edge):
    edge.write()
    with backend("x") as model, edge.running({"gateway-2": [model.port]}):
        assert edge.fetch("/models").status == 503
    assert edge.files.haproxy_error() == ""


@pytest.mark.parametrize(
    ("damage", "report"),
    [
        (BROKEN, "unknown keyword 'bend'"),
        ("\0\0", "edge.cfg"),
        ("frontend edge_http\n    default_backend nowhere\n", "unable to find required default_backend: 'nowhere'"),
    ],
)
def test_a_broken_edge_file_does_not_stop_haproxy_and_is_reported(edge: Edge, damage: str, report: str):
    edge.write()
    (edge.folder / "edge.cfg").write_text(damage)
    with edge.running({"gateway": [1]}) as process:
        assert files_of(process) == ["haproxy.cfg"]
    assert report in edge.files.haproxy_error()


def test_a_missing_map_of_routes_does_not_stop_haproxy(edge: Edge):
    edge.write({"/who": "churn"})
    (edge.folder / "routes.map").unlink()
    with edge.running({"gateway": [1]}) as process:
        assert files_of(process) == ["haproxy.cfg"]
        assert "routes.map" in edge.files.haproxy_error()


def test_a_missing_folder_does_not_stop_haproxy(edge: Edge):
    with edge.running({"gateway": [1]}) as process:
        assert files_of(process) == ["haproxy.cfg"]


def test_the_error_is_removed_when_the_file_is_fixed(edge: Edge):
    edge.write()
    (edge.folder / "edge.cfg").write_text(BROKEN)
    with edge.running({"gateway": [1]}):
        assert edge.files.haproxy_error()
    edge.write()
    with edge.running({"gateway": [1]}) as process:
        assert files_of(process) == ["haproxy.cfg", "edge.cfg"]
    assert edge.files.haproxy_error() == ""


def test_a_new_haproxy_takes_over_from_the_old_one(edge: Edge):
    edge.write()
    with backend("old") as old, backend("new") as new, edge.running({"gateway": [old.port]}) as first:
        assert edge.fetch("/").body == b"old"
        with edge.running({"gateway": [new.port]}, "-sf", str(first.pid)):
            assert first.wait(timeout=20) == 0
            assert edge.fetch("/").body == b"new"


def test_replicas_of_a_model_that_serve_rebuilds_stay_until_serve_lists_others(edge: Edge):
    """Also for gRPC, whose calls Serve's own proxy cannot answer."""
    edge.write()
    with (
        backend("gateway", keeps=True) as gateway,
        backend("before", keeps=True) as before,
        backend("after", keeps=True) as after,
        backend("proxy", keeps=True) as proxy,
    ):

        def response(replicas: list[int]) -> bytes:
            models = {"gateway": [gateway.port], "churn": replicas, "others": []}
            with edge.running(models, fallback=proxy.port):
                assert edge.fetch("/models/others/predict", "POST", b"{}").body == b"proxy"
                return edge.fetch("/models/churn/predict", "POST", b"{}").body

        assert response([before.port]) == b"before"
        edge.files.write_updating(["churn"])
        assert [response([]), response([])] == [b"before"] * 2
        assert "churn 1" in (edge.folder / "replicas.map").read_text().splitlines()
        assert response([after.port]) == b"after"
        edge.files.write_updating([])
        assert response([]) == b"proxy"


def test_a_version_query_is_passed_to_haproxy_unchanged(edge: Edge):
    environ = {"MODELYARD_HAPROXY": str(haproxy_binary()), "MODELYARD_EDGE": str(edge.folder)}
    result = subprocess.run([LAUNCHER, "-v"], env=environ, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("HAProxy version")


class AtSocket(BaseHTTPRequestHandler):
    """Answers with `socket`."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "6")
        self.end_headers()
        self.wfile.write(b"socket")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def listening_at(path: Path) -> Iterator[None]:
    """A server at a Unix socket."""
    with ThreadingUnixStreamServer(str(path), AtSocket) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_a_replica_is_reached_at_its_unix_socket_if_it_has_one(edge: Edge):
    edge.write()
    (edge.folder / "replicas").mkdir()
    with backend("port") as with_socket, backend("other") as without:
        path = edge.link / "replicas" / f"{with_socket.port}.sock"
        with listening_at(path):
            with edge.running({"churn": [with_socket.port], "iris": [without.port]}):
                assert edge.fetch("/models/churn/predict").body == b"socket"
                assert edge.fetch("/models/iris/predict").body == b"other"
            with edge.running({}):  # HAProxy has died, and Serve lists nothing yet
                assert edge.fetch("/models/churn/predict").body == b"socket"
    assert edge.files.haproxy_error() == ""
