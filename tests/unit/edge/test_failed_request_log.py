"""The log of requests that no replica answered, and the client's address that replicas get."""

import socket
import threading
from collections.abc import Iterator

import grpc
import pytest

from modelyard.edge.failed_request_log import LOG_SOCKET, UNKNOWN_REPLICA, LostRequest, parse_log_line
from modelyard.edge.model_maps import EdgeModel
from modelyard.http.request import REQUEST_ID_CHARS
from tests.unit.edge.dying_replicas import dying_replicas
from tests.unit.edge.proxy import PATIENCE_S, Edge, accept_and_close, backend
from tests.unit.edge.test_grpc_routing import SERVICE, asking, replica

WITHOUT_RETRY = EdgeModel("/models/churn", retries=False)


@pytest.fixture
def log_socket(edge: Edge) -> Iterator[socket.socket]:
    """The socket that receives HAProxy's log."""
    edge.folder.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(edge.link / LOG_SOCKET))
        log.settimeout(PATIENCE_S)
        yield log


@pytest.fixture
def dying() -> Iterator[int]:
    """The port of a replica that dies when it gets a request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept_and_close, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def next_lost(log: socket.socket) -> LostRequest:
    """The next lost request in the log."""
    while (lost := parse_log_line(log.recv(8192), REQUEST_ID_CHARS)) is None:
        pass
    return lost


def test_a_request_whose_replica_died_is_logged_with_its_id_and_client(edge, log_socket, dying):
    edge.write({}, WITHOUT_RETRY)
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port], "churn": [dying]}):
        response = edge.fetch("/models/churn/predict", "POST", b'{"a": 1}', x_request_id="mine-1")
        lost = next_lost(log_socket)
    assert (response.status, response.headers["x-request-id"]) == (503, "mine-1")
    assert (lost.model, lost.request_id, lost.client, lost.protocol) == ("churn", "mine-1", "127.0.0.1", "http")
    assert lost.replica == f"r{dying}"
    assert lost.body_bytes >= 8


@pytest.mark.parametrize("offered", ["", 'x"},{', "a b", "x" * 200])
def test_a_request_without_a_valid_id_is_logged_with_the_id_of_its_response(edge, log_socket, dying, offered):
    edge.write({}, WITHOUT_RETRY)
    headers = {"x_request_id": offered} if offered else {}
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port], "churn": [dying]}):
        response = edge.fetch("/models/churn/predict", "POST", b"{}", **headers)
        assert next_lost(log_socket).request_id == response.headers["x-request-id"] != offered


def test_a_request_without_an_available_replica_is_logged(edge, log_socket):
    edge.write()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port], "churn": [0]}):
        assert edge.fetch("/models/churn/predict", "POST", b"{}", x_request_id="mine").status == 503
        lost = next_lost(log_socket)
    assert (lost.model, lost.request_id, lost.replica) == ("churn", "mine", "")


def test_a_grpc_call_whose_replica_died_is_logged(edge, log_socket, dying):
    edge.write({}, WITHOUT_RETRY)
    with replica("gateway") as gateway, edge.running({"gateway": [gateway.port], "churn": [dying]}):
        with grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel:
            call = channel.unary_unary(f"{SERVICE}/ModelInfer")
            with pytest.raises(grpc.RpcError) as failed:
                call(asking("churn"), timeout=PATIENCE_S, metadata=[("x-request-id", "mine-2")])
        lost = next_lost(log_socket)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert (lost.model, lost.request_id, lost.protocol, lost.replica) == ("churn", "mine-2", "grpc", f"r{dying}")


def test_a_replicas_own_errors_are_not_logged(edge, log_socket):
    edge.write(body=1024)
    with (
        backend("gateway") as gateway,
        backend("churn", 500, "application/json") as churn,
        edge.running({"gateway": [gateway.port], "churn": [churn.port]}),
    ):
        assert edge.fetch("/models/churn/predict", "POST", b"{}").status == 500
        assert edge.fetch("/models/churn/predict", "POST", b"{}" * 1000).status == 413
        assert parse_log_line(log_socket.recv(8192), REQUEST_ID_CHARS) is None
    log_socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        log_socket.recv(8192)


def test_a_response_with_an_id_keeps_it(edge):
    edge.write()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        assert edge.fetch("/models", x_request_id="mine").headers["x-request-id"] == "mine"


@pytest.mark.parametrize("header", ["x-forwarded-for", "X-FORWARDED-FOR"])
def test_a_replica_gets_the_clients_address_and_not_the_clients_header(edge: Edge, header: str):
    edge.write()
    with (
        backend("churn") as churn,
        backend("gateway") as gateway,
        edge.running({"gateway": [gateway.port], "churn": [churn.port]}),
    ):
        edge.fetch("/models/churn/predict", "POST", b"{}", **{header: "203.0.113.9"})
    ((_, headers),) = churn.requests
    assert headers["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize("line", [b"", b"[NOTICE] Server is DOWN", b"{}"[:1]])
def test_other_log_lines_are_ignored(line: bytes):
    assert parse_log_line(line, REQUEST_ID_CHARS) is None


def test_a_request_whose_replica_died_on_a_reused_connection_is_logged(edge, log_socket):
    edge.write({}, WITHOUT_RETRY)
    with dying_replicas(1) as (churn,), edge.running({"gateway": [1], "churn": [churn.port]}):
        assert edge.fetch("/models/churn/predict", "POST", b"{}").status == 200
        response = edge.fetch("/models/churn/predict", "POST", b"DIE", x_request_id="mine")
        lost = next_lost(log_socket)
    assert response.status == 503
    assert (lost.request_id, lost.replica) == ("mine", UNKNOWN_REPLICA)


def test_a_request_that_another_replica_answered_is_not_logged(edge, log_socket):
    edge.write()
    with dying_replicas(2) as replicas, edge.running({"gateway": [1], "churn": [each.port for each in replicas]}):
        while not all(each.asked for each in replicas):
            assert edge.fetch("/models/churn/predict", "POST", b"{}").status == 200
        replicas[0].kill()
        for _ in range(3):
            assert edge.fetch("/models/churn/predict", "POST", b"{}").status == 200
        assert edge.fetch("/models/none/predict", "POST", b"{}", x_request_id="last").status == 503
        assert parse_log_line(log_socket.recv(8192), REQUEST_ID_CHARS) is None
