"""What the edge rejects, and what it does not expose."""

import socket
import time
from pathlib import Path

import pytest

from tests.unit.edge.proxy import Edge, backend

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
"""The connection preface of an HTTP/2 client, with empty settings (RFC 9113, 3.4)."""
SETTINGS = 4
TRACING = {"endpoint": "http://127.0.0.1:4318"}
CLOCK_S = 1.0
"""HAProxy reads its clock when it wakes."""


def say(port: int, text: bytes) -> bytes:
    """The first bytes of the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text)
        return connection.recv(4096)


def test_of_two_framings_one_is_forwarded_so_that_no_request_can_be_smuggled(edge: Edge):
    """HAProxy removes content-length before any rule can reject the request, which RFC 9112, 6.1 permits."""
    edge.write()
    smuggled = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET"
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        assert say(edge.port, smuggled).startswith(b"HTTP/1.")
        [(_, headers)] = gateway.requests
        assert "content-length" not in headers
        assert headers["transfer-encoding"] == "chunked"


def test_two_content_lengths_are_rejected(edge: Edge):
    edge.write()
    doubled = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde"
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        assert say(edge.port, doubled).startswith(b"HTTP/1.1 400")
        assert gateway.requests == []


@pytest.mark.parametrize(
    ("head", "status", "detail"),
    [
        (b"GET / HTTP/1.1\r\n", 400, b"no Host header"),
        (b"GET / HTTP/1.2\r\nhost: x\r\n", 505, b"HTTP/1.0, HTTP/1.1 and HTTP/2"),
        (b"GET / HTTP/2.0\r\nhost: x\r\n", 505, b"HTTP/1.0, HTTP/1.1 and HTTP/2"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n", 417, b"100-continue"),
        (b"GET / HTTP/1.0\r\n", 200, b""),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c\r\n", 200, b""),
    ],
)
def test_a_request_that_rfc_9112_requires_to_be_rejected_is_rejected(
    edge: Edge, head: bytes, status: int, detail: bytes
):
    edge.write()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        response = say(edge.port, head + b"\r\n")
        assert response.split()[1] == str(status).encode()
        assert detail in response
        assert (b"application/problem+json" in response) is (status != 200)
        assert len(gateway.requests) == (status == 200)


def test_http_2_is_spoken_on_the_http_port_without_tls_too(edge: Edge):
    edge.write()
    with edge.running({}):
        assert say(edge.port, PREFACE)[3] == SETTINGS


def test_a_client_cannot_claim_that_it_used_tls(edge: Edge):
    edge.write()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        edge.fetch("/", x_forwarded_proto="https")
        assert "x-forwarded-proto" not in gateway.requests[0][1]


@pytest.mark.parametrize("address", [":", "*:"])
def test_serves_own_ports_are_closed_to_other_machines_and_its_socket_to_other_users(
    edge: Edge, address: str, admin: Path
):
    edge.write()
    written = edge.folder.parent / "haproxy.cfg"
    with edge.running({}, admin=admin, opened=address):
        text = written.read_text()
        listening = Path("/proc/net/tcp").read_text()
        assert f"00000000:{edge.open_port:04X} " not in listening
        assert f"0100007F:{edge.open_port:04X} " in listening
    assert "mode 600 level admin" in text
    assert "mode 666" not in text


def test_the_arrival_time_is_recorded_for_traces_and_a_clients_own_header_is_replaced(edge):
    edge.write(tracing=TRACING)
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        before = time.time()
        edge.fetch("/models", x_edge_start="17")
        after = time.time()
    (_, headers) = gateway.requests[-1]
    assert before - CLOCK_S <= int(headers["x-edge-start"]) / 1e6 <= after + CLOCK_S


def test_no_arrival_time_is_recorded_without_tracing(edge):
    edge.write()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}):
        edge.fetch("/models")
    assert "x-edge-start" not in gateway.requests[-1][1]
