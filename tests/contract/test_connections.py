"""Connections: many requests, pipelined requests, and all ways in which connections end."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modelyard.tensors import FREE, Signature, TensorSpec
from tests.contract.client import chunked, request
from tests.contract.conftest import Make
from tests.contract.http_server import HttpServer
from tests.contract.replica import DEAR, ONE, PREDICT, Replica
from tests.fakes import DOUBLER, PATIENCE_S, FakeModel

READY = "/models/doubler/ready"
COLD = f"{PREDICT}?probabilities=false"


def body_of(value: float) -> bytes:
    return b'{"instances": [[%r]]}' % value


def busy(replica: Make, **limits: Any) -> Replica:
    """A replica whose model stops in its first call until it is released."""
    rig = replica(warmup=DEAR, **limits)
    rig.model.hold()
    return rig


def test_one_connection_serves_many_requests(replica: Make) -> None:
    rig = replica()
    before = len(rig.http_server.connections)
    with rig.connect() as client:
        for value in range(200):
            assert client.fetch(request(PREDICT, body_of(value))).json["predictions"] == [[2.0 * value]]
    assert len(rig.http_server.connections) == before + 1


def test_pipelined_requests_are_answered_in_order_while_the_first_computes(replica: Make) -> None:
    rig = busy(replica)
    with rig.connect() as client:
        client.send(b"".join(request(PREDICT, body_of(value), x_request_id=f"r{value}") for value in range(5)))
        rig.model.entered()
        rig.model.release()
        responses = [client.read() for _ in range(5)]
    assert [response.header("x-request-id") for response in responses] == ["r0", "r1", "r2", "r3", "r4"]
    assert [response.json["predictions"] for response in responses] == [[[2.0 * value]] for value in range(5)]


@pytest.mark.parametrize("paths", [(PREDICT, READY, PREDICT), (COLD, PREDICT, COLD), (READY, PREDICT, COLD, PREDICT)])
def test_pipelined_requests_of_both_paths_are_answered_in_order(replica: Make, paths: tuple[str, ...]) -> None:
    rig = busy(replica)
    with rig.connect() as client:
        for name, path in zip("abcd", paths, strict=False):
            method, body = ("GET", b"") if path == READY else ("POST", ONE)
            client.send(request(path, body, method, x_request_id=name))
        rig.model.entered()
        rig.model.release()
        responses = [client.read() for _ in paths]
        assert "".join(response.header("x-request-id") or "" for response in responses) == "abcd"[: len(paths)]
        assert {response.status for response in responses} == {200}
        assert client.fetch(request(PREDICT, ONE)).status == 200


def test_a_rejected_request_between_others_is_answered_in_order(replica: Make) -> None:
    rig = busy(replica)
    with rig.connect() as client:
        client.send(request(PREDICT, ONE), request(PREDICT, b"{"), chunked(PREDICT, ONE), request("/nowhere", ONE))
        rig.model.entered()
        rig.model.release()
        assert [client.read().status for _ in range(4)] == [200, 400, 200, 404]


@pytest.mark.parametrize(
    "headers", [{"version": "1.0"}, {"version": "1.0", "connection": "keep-alive"}, {"connection": "close"}]
)
def test_a_connection_without_keep_alive_closes_after_its_response(replica: Make, headers: dict[str, str]) -> None:
    rig = replica()
    with rig.connect() as client:
        response = client.fetch(request(PREDICT, ONE, **headers))
        assert (response.status, response.header("connection")) == (200, "close")
        assert client.at_end()
    assert rig.by_fast_path == (rig.way == "fast path")


def test_bytes_after_the_last_request_of_a_connection_are_ignored(replica: Make) -> None:
    rig = replica()
    with rig.connect() as client:
        client.send(request(PREDICT, ONE, connection="close") + request(PREDICT, ONE) + b"\x00 garbage\r\n\r\n")
        assert client.read().status == 200
        assert client.at_end()
    assert len(rig.model.calls) == 1


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nno colon\r\n\r\n"]
)
def test_what_is_not_http_is_400_and_the_connection_closes(replica: Make, garbage: bytes) -> None:
    with replica().connect() as client:
        assert client.fetch(request(PREDICT, ONE)).status == 200
        response = client.fetch(garbage)
        assert (response.status, response.header("connection")) == (400, "close")
        assert client.at_end()


def test_bytes_that_are_not_http_do_not_replace_the_response_before_them(replica: Make) -> None:
    rig = busy(replica)
    with rig.connect() as client:
        client.send(request(PREDICT, ONE) + b"\x00\x00\r\n\r\n")
        rig.model.entered()
        rig.model.release()
        response = client.read()
        assert (response.status, response.header("connection")) == (200, "close")
        assert client.at_end()


def test_a_client_that_has_stopped_sending_gets_its_response(replica: Make) -> None:
    rig = busy(replica)
    with rig.connect() as client:
        client.send(request(PREDICT, ONE))
        rig.model.entered()
        client.socket.shutdown(1)
        connection = rig.http_server.connection(client.port)
        rig.http_server.until(lambda: not connection.cycle.keep_alive)
        rig.model.release()
        response = client.read()
        assert (response.status, response.header("connection")) == (200, "close")
        assert client.at_end()


def test_a_client_that_stops_sending_in_the_middle_of_a_request_is_dropped(replica: Make) -> None:
    rig = replica()
    with rig.connect() as client:
        client.send(request(PREDICT, ONE)[:-3])
        client.socket.shutdown(1)
        assert client.at_end()
    assert rig.model.calls == []


def test_the_model_does_not_run_for_a_client_that_disconnected_while_its_request_waited(replica: Make) -> None:
    rig = busy(replica)
    with rig.connect() as running:
        running.send(request(PREDICT, body_of(1)))
        rig.model.entered()
        waiting = rig.connect()
        waiting.send(request(PREDICT, body_of(2)))
        rig.http_server.until(lambda: rig.in_flight == 2)
        waiting.reset()
        rig.http_server.until(lambda: rig.in_flight == 1)
        rig.model.release()
        assert running.read().status == 200
        assert running.fetch(request(PREDICT, body_of(3))).status == 200
    assert rig.model.batches == [1, 1]


def test_a_client_that_disconnects_while_the_model_runs_leaves_no_open_request(
    replica: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rig = busy(replica)
    client = rig.connect()
    client.send(request(PREDICT, ONE))
    rig.model.entered()
    client.reset()
    rig.http_server.until(lambda: rig.in_flight == 0)
    rig.model.release()
    assert rig.fetch(request(PREDICT, ONE)).status == 200
    assert not [record for record in caplog.records if record.name.startswith("deployments")]


def test_a_client_that_disconnects_in_the_middle_of_its_body_leaves_no_open_request(replica: Make) -> None:
    rig = replica()
    client = rig.connect()
    client.send(request(PREDICT, ONE)[:-1])
    client.reset()
    assert rig.fetch(request(PREDICT, ONE)).status == 200
    assert len(rig.model.calls) == 1


WIDE = Signature(inputs=DOUBLER.inputs, outputs=(TensorSpec("y", "FP32", (FREE, 4096)),))
"""Answers far larger than their requests."""


def test_a_client_that_does_not_read_is_not_read_from(replica: Make) -> None:
    rig = replica(
        FakeModel(lambda inputs: {"y": np.full((len(inputs["x"]), 4096), 0.123456, np.float32)}, signature=WIDE)
    )
    raw = request(PREDICT, ONE, x_padding="x" * 1000)
    with rig.connect() as client:
        connection = rig.http_server.connection(client.port)

        def stuck() -> bool:
            return connection.flow.read_paused and connection.flow.write_paused

        sent = _send_until_stuck(client.socket, raw, lambda: rig.http_server.on_loop(stuck))
        assert rig.http_server.on_loop(connection.transport.get_write_buffer_size) < 2**20
        client.socket.settimeout(PATIENCE_S)
        for _ in range(sent):
            assert client.read().status == 200


def _send_until_stuck(socket: Any, raw: bytes, stuck: Callable[[], bool]) -> int:
    """Send the request repeatedly until the server stops reading. Returns how often it was sent completely."""
    socket.setblocking(False)
    sent, left = 0, b""
    while True:
        try:
            left = left or raw
            left = left[socket.send(left) :]
            sent += not left
        except BlockingIOError:
            if stuck():
                return sent


def test_a_connection_on_which_nothing_happens_is_closed(way: str, replica: Make) -> None:
    http_server = HttpServer(keep_alive_s=0.05)
    try:
        with replica(http_server=http_server).connect() as client:
            assert client.fetch(request(PREDICT, ONE)).status == 200
            assert client.at_end()
    finally:
        http_server.stop()


def test_a_stopping_server_finishes_the_current_request_and_sends_connection_close(replica: Make) -> None:
    http_server = HttpServer()
    rig = busy(replica, http_server=http_server)
    with rig.connect() as idle, rig.connect() as client:
        client.send(request(PREDICT, ONE))
        rig.model.entered()
        http_server.begin_to_stop()
        assert idle.at_end()
        rig.model.release()
        response = client.read()
        assert (response.status, response.header("connection")) == (200, "close")
        assert client.at_end()
    http_server.stop()


def test_a_server_that_stops_reads_the_rest_of_a_body_that_has_begun(replica: Make) -> None:
    http_server = HttpServer()
    rig = replica(http_server=http_server)
    raw = request(PREDICT, ONE)
    with rig.connect() as client:
        client.send(raw[:-1])
        connection = http_server.connection(client.port)
        http_server.until(lambda: connection.cycle is not None)
        http_server.begin_to_stop()
        http_server.until(lambda: not connection.cycle.keep_alive)
        response = client.fetch(raw[-1:])
        assert (response.status, response.header("connection")) == (200, "close")
        assert client.at_end()
    http_server.stop()
