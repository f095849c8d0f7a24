"""Requests of any protocol over HTTP may arrive in pieces of any size, several at once, or incomplete."""

import socket
from typing import Any

import pytest

from tests.contract.bad_requests import BAD, GOOD, SIGNATURE
from tests.contract.conftest import Make
from tests.contract.grpc_call import Call, framed
from tests.contract.http_server import HttpServer
from tests.contract.protocol_clients import PROTOCOL_CLIENTS, Binary, Http
from tests.contract.replica import Replica
from tests.fakes import FakeModel

OVER_HTTP = [protocol for protocol in PROTOCOL_CLIENTS if not protocol.startswith(("grpc", "websocket"))]
JSON = [protocol for protocol in OVER_HTTP if protocol not in ("csv", "npy", "arrow", "oip raw body")]
CHUNKS = 65_537
CHECK_S = 0.2
"""Interval between two checks of a connection. A body that is incomplete at the third check is rejected."""
each = pytest.mark.parametrize("protocol", OVER_HTTP)


def opened(replica: Make, protocol: str, **options: Any) -> tuple[Replica, Http]:
    rig = replica(FakeModel(signature=SIGNATURE), **options)
    protocol_client = PROTOCOL_CLIENTS[protocol](rig)
    assert isinstance(protocol_client, Http)
    return rig, protocol_client


@each
def test_byte_by_byte(replica: Make, protocol: str) -> None:
    _, protocol_client = opened(replica, protocol)
    with protocol_client:
        sent = protocol_client.request(GOOD[protocol])
        protocol_client.client.send(*(sent[at : at + 1] for at in range(len(sent))))
        assert protocol_client.read() is None


@each
def test_pipelined_requests_with_an_invalid_one_between(replica: Make, protocol: str) -> None:
    _, protocol_client = opened(replica, protocol)
    bad, says = BAD[protocol]["zero rows"]
    with protocol_client:
        protocol_client.client.send(b"".join(map(protocol_client.request, (GOOD[protocol], bad, GOOD[protocol]))))
        assert protocol_client.read() is None
        status, message = protocol_client.read() or (200, "")
        assert (status, says in message) == (400, True)
        assert protocol_client.read() is None


@each
def test_a_client_that_closes_its_sending_side_gets_its_response(replica: Make, protocol: str) -> None:
    _, protocol_client = opened(replica, protocol)
    with protocol_client:
        protocol_client.client.send(protocol_client.request(GOOD[protocol]))
        protocol_client.client.socket.shutdown(socket.SHUT_WR)
        assert protocol_client.read() is None
        assert protocol_client.client.at_end()


@pytest.mark.parametrize("protocol", JSON)
def test_65537_chunks_of_a_byte(replica: Make, protocol: str) -> None:
    _, protocol_client = opened(replica, protocol)
    good = GOOD[protocol]
    binary = isinstance(good, Binary)
    padded = Binary(good.document.rjust(CHUNKS - len(good.raw)), good.raw) if binary else good.rjust(CHUNKS)
    head, _, body = protocol_client.request(padded).partition(b"\r\n\r\n")
    head = head.replace(b"content-length: %d" % CHUNKS, b"transfer-encoding: chunked")
    with protocol_client:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        protocol_client.client.send(head + b"\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert protocol_client.read() is None


@pytest.mark.parametrize("way", ["fast path"])
def test_a_streams_message_in_65537_chunks_of_a_byte(replica: Make, way: str) -> None:
    rows = CHUNKS // 4
    tensor = {"name": "x", "datatype": "FP32", "shape": [rows, 1]}
    sent = framed("ModelInfer", model_name="doubler", inputs=[tensor], raw_input_contents=[bytes(rows * 4)])
    with replica().connect() as client:
        call = Call(client, "ModelStreamInfer")
        call.start()
        call.head()
        client.send(b"".join(b"1\r\n%c\r\n" % byte for byte in sent))
        result: Any = call.read()
        assert result.infer_response.raw_output_contents == [bytes(rows * 4)]


@pytest.mark.parametrize("protocol", ["predict", "oip binary", "tensorflow", "generate"])
def test_a_slow_body_is_rejected_and_the_connection_is_closed(replica: Make, protocol: str) -> None:
    http_server = HttpServer(keep_alive_s=CHECK_S)
    try:
        _, protocol_client = opened(replica, protocol, http_server=http_server)
        with protocol_client:
            protocol_client.client.send(protocol_client.request(GOOD[protocol])[:-1])
            status, message = protocol_client.read() or (200, "")
            assert (status, "bytes per second" in message) == (408, True)
            assert protocol_client.client.at_end()
    finally:
        http_server.stop()


@pytest.mark.parametrize("way", ["fast path"])
@pytest.mark.parametrize("method", ["ModelInfer", "ModelStreamInfer"])
def test_a_slow_call_ends_with_its_deadline(replica: Make, way: str, method: str) -> None:
    http_server = HttpServer(keep_alive_s=CHECK_S)
    try:
        with replica(http_server=http_server).connect() as client:
            call = Call(client, method)
            call.start()
            call.send(framed("ModelInfer", model_name="doubler")[:-1])
            head = call.head()
            result = head if "grpc-status" in head else call.rest().trailers
            assert result["grpc-status"] == "4"
            assert client.at_end()
    finally:
        http_server.stop()
