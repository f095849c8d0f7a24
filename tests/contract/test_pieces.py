"""How a request of any protocol over HTTP may come: in pieces of any size, several at once, before the client falls silent."""

import socket
from typing import Any

import pytest

from tests.contract.bad_requests import BAD, GOOD, SIGNATURE
from tests.contract.conftest import Make
from tests.contract.front import Front
from tests.contract.grpc_call import Call, framed
from tests.contract.replica import Replica
from tests.contract.speakers import SPEAKERS, Binary, Http
from tests.fakes import FakeModel

OVER_HTTP = [protocol for protocol in SPEAKERS if not protocol.startswith(("grpc", "websocket"))]
JSON = [protocol for protocol in OVER_HTTP if protocol not in ("csv", "npy", "arrow", "oip raw body")]
CHUNKS = 65_537
CHECK_S = 0.2
"""Between two looks at a connection; a body that has not come at the third is given up."""
each = pytest.mark.parametrize("protocol", OVER_HTTP)


def opened(replica: Make, protocol: str, **options: Any) -> tuple[Replica, Http]:
    rig = replica(FakeModel(signature=SIGNATURE), **options)
    speaker = SPEAKERS[protocol](rig)
    assert isinstance(speaker, Http)
    return rig, speaker


@each
def test_byte_by_byte(replica: Make, protocol: str) -> None:
    _, speaker = opened(replica, protocol)
    with speaker:
        asked = speaker.request(GOOD[protocol])
        speaker.client.send(*(asked[at : at + 1] for at in range(len(asked))))
        assert speaker.read() is None


@each
def test_one_behind_the_other_with_a_bad_one_between(replica: Make, protocol: str) -> None:
    _, speaker = opened(replica, protocol)
    bad, says = BAD[protocol]["zero rows"]
    with speaker:
        speaker.client.send(b"".join(map(speaker.request, (GOOD[protocol], bad, GOOD[protocol]))))
        assert speaker.read() is None
        status, said = speaker.read() or (200, "")
        assert (status, says in said) == (400, True)
        assert speaker.read() is None


@each
def test_a_client_that_closes_its_half_gets_its_answer(replica: Make, protocol: str) -> None:
    _, speaker = opened(replica, protocol)
    with speaker:
        speaker.client.send(speaker.request(GOOD[protocol]))
        speaker.client.socket.shutdown(socket.SHUT_WR)
        assert speaker.read() is None
        assert speaker.client.at_end()


@pytest.mark.parametrize("protocol", JSON)
def test_65537_chunks_of_a_byte(replica: Make, protocol: str) -> None:
    _, speaker = opened(replica, protocol)
    good = GOOD[protocol]
    binary = isinstance(good, Binary)
    padded = Binary(good.document.rjust(CHUNKS - len(good.raw)), good.raw) if binary else good.rjust(CHUNKS)
    head, _, body = speaker.request(padded).partition(b"\r\n\r\n")
    head = head.replace(b"content-length: %d" % CHUNKS, b"transfer-encoding: chunked")
    with speaker:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        speaker.client.send(head + b"\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert speaker.read() is None


@pytest.mark.parametrize("way", ["fast path"])
def test_a_streams_message_in_65537_chunks_of_a_byte(replica: Make, way: str) -> None:
    rows = CHUNKS // 4
    tensor = {"name": "x", "datatype": "FP32", "shape": [rows, 1]}
    asked = framed("ModelInfer", model_name="doubler", inputs=[tensor], raw_input_contents=[bytes(rows * 4)])
    with replica().connect() as client:
        call = Call(client, "ModelStreamInfer")
        call.start()
        call.head()
        client.send(b"".join(b"1\r\n%c\r\n" % byte for byte in asked))
        told: Any = call.read()
        assert told.infer_response.raw_output_contents == [bytes(rows * 4)]


@pytest.mark.parametrize("protocol", ["predict", "oip binary", "tensorflow", "generate"])
def test_a_body_that_trickles_is_told_so_and_the_connection_ends(replica: Make, protocol: str) -> None:
    front = Front(keep_alive_s=CHECK_S)
    try:
        _, speaker = opened(replica, protocol, front=front)
        with speaker:
            speaker.client.send(speaker.request(GOOD[protocol])[:-1])
            status, said = speaker.read() or (200, "")
            assert (status, "bytes per second" in said) == (408, True)
            assert speaker.client.at_end()
    finally:
        front.stop()


@pytest.mark.parametrize("way", ["fast path"])
@pytest.mark.parametrize("method", ["ModelInfer", "ModelStreamInfer"])
def test_a_call_that_trickles_ends_with_its_deadline(replica: Make, way: str, method: str) -> None:
    front = Front(keep_alive_s=CHECK_S)
    try:
        with replica(front=front).connect() as client:
            call = Call(client, method)
            call.start()
            call.send(framed("ModelInfer", model_name="doubler")[:-1])
            head = call.head()
            told = head if "grpc-status" in head else call.rest().trailers
            assert told["grpc-status"] == "4"
            assert client.at_end()
    finally:
        front.stop()
