"""Clients beyond `connections` on a port wait, and clients of another port do not."""

import socket
import threading
from contextlib import ExitStack

import pytest

from modelyard.edge.connections import FILES_PER_CONNECTION, OTHER_FILES, connection_limits
from tests.unit.edge.proxy import PATIENCE_S, Edge, Response, backend

LARGE = b"x" * 100_000
"""Too large for a retry, so HAProxy forwards it to itself."""


@pytest.mark.parametrize("files", [20_000, 4096, 1024, 256])
def test_open_files_limit_the_connections(files: int) -> None:
    found = connection_limits(4000, files)
    assert 1 <= found.per_port < 4000
    assert found.total * FILES_PER_CONNECTION + OTHER_FILES <= files


def test_the_configured_connections_are_used_if_open_files_allow_them() -> None:
    assert connection_limits(4000, 1_000_000).per_port == 4000


def test_clients_above_a_ports_limit_wait_and_the_other_port_is_unaffected(edge: Edge) -> None:
    edge.write(connections=10)
    answers: list[Response] = []
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}), ExitStack() as idle:
        for _ in range(20):
            idle.enter_context(socket.create_connection(("127.0.0.1", edge.port)))
        assert edge.numbers("/metrics").status == 200
        socket.create_connection(("127.0.0.1", edge.grpc_port)).close()
        waiting = threading.Thread(target=lambda: answers.append(edge.fetch("/models")))
        waiting.start()
        waiting.join(0.3)
        assert answers == []
        idle.close()
        waiting.join(PATIENCE_S)
    assert [response.body for response in answers] == [b"gateway"]


def test_large_bodies_on_all_connections_of_a_port_are_answered(edge: Edge) -> None:
    """Each uses one more connection, since HAProxy forwards it to itself."""
    edge.write(connections=10)
    answers: list[Response] = []
    with (
        backend("gateway", keeps=True) as gateway,
        backend("churn", keeps=True) as churn,
        edge.running({"gateway": [gateway.port], "churn": [churn.port]}),
    ):
        clients = [
            threading.Thread(target=lambda: answers.append(edge.fetch("/models/churn/predict", "POST", LARGE)))
            for _ in range(20)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join(PATIENCE_S)
    assert [response.body for response in answers] == [b"churn"] * 20
