"""What a connection goes through: many requests, several at once, ends of all kinds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modelyard.tensors import FREE, Signature, TensorSpec
from tests.contract.client import chunked, request
from tests.contract.conftest import Make
from tests.contract.front import Front
from tests.contract.replica import DEAR, ONE, PREDICT, Replica
from tests.fakes import DOUBLER, PATIENCE_S, FakeModel

READY = "/models/doubler/ready"
COLD = f"{PREDICT}?probabilities=false"


def body_of(value: float) -> bytes:
    return b'{"instances": [[%r]]}' % value


def busy(replica: Make, **limits: Any) -> Replica:
    """A replica whose model stops in its first call until it is released."""
    one = replica(warmup=DEAR, **limits)
    one.model.hold()
    return one


def test_many_requests_are_answered_on_one_connection(replica: Make) -> None:
    one = replica()
    before = len(one.front.connections)
    with one.connect() as client:
        for value in range(200):
            assert client.ask(request(PREDICT, body_of(value))).json["predictions"] == [[2.0 * value]]
    assert len(one.front.connections) == before + 1


def test_requests_sent_at_once_are_answered_in_their_order_while_the_first_computes(replica: Make) -> None:
    one = busy(replica)
    with one.connect() as client:
        client.send(b"".join(request(PREDICT, body_of(value), x_request_id=f"r{value}") for value in range(5)))
        one.model.entered()
        one.model.release()
        answers = [client.read() for _ in range(5)]
    assert [answer.header("x-request-id") for answer in answers] == ["r0", "r1", "r2", "r3", "r4"]
    assert [answer.json["predictions"] for answer in answers] == [[[2.0 * value]] for value in range(5)]


@pytest.mark.parametrize("paths", [(PREDICT, READY, PREDICT), (COLD, PREDICT, COLD), (READY, PREDICT, COLD, PREDICT)])
def test_hot_and_cold_requests_sent_at_once_are_answered_in_their_order(replica: Make, paths: tuple[str, ...]) -> None:
    one = busy(replica)
    with one.connect() as client:
        for name, path in zip("abcd", paths, strict=False):
            method, body = ("GET", b"") if path == READY else ("POST", ONE)
            client.send(request(path, body, method, x_request_id=name))
        one.model.entered()
        one.model.release()
        answers = [client.read() for _ in paths]
        assert "".join(answer.header("x-request-id") or "" for answer in answers) == "abcd"[: len(paths)]
        assert {answer.status for answer in answers} == {200}
        assert client.ask(request(PREDICT, ONE)).status == 200


def test_a_refused_request_between_others_is_answered_in_its_turn(replica: Make) -> None:
    one = busy(replica)
    with one.connect() as client:
        client.send(request(PREDICT, ONE), request(PREDICT, b"{"), chunked(PREDICT, ONE), request("/nowhere", ONE))
        one.model.entered()
        one.model.release()
        assert [client.read().status for _ in range(4)] == [200, 400, 200, 404]


@pytest.mark.parametrize(
    "headers", [{"version": "1.0"}, {"version": "1.0", "connection": "keep-alive"}, {"connection": "close"}]
)
def test_a_connection_that_is_not_kept_closes_after_its_answer(replica: Make, headers: dict[str, str]) -> None:
    one = replica()
    with one.connect() as client:
        answer = client.ask(request(PREDICT, ONE, **headers))
        assert (answer.status, answer.header("connection")) == (200, "close")
        assert client.at_end()
    assert one.by_fast_path == (one.way == "fast path")


def test_nothing_behind_the_last_request_of_a_connection_is_run_or_answered(replica: Make) -> None:
    one = replica()
    with one.connect() as client:
        client.send(request(PREDICT, ONE, connection="close") + request(PREDICT, ONE) + b"\x00 garbage\r\n\r\n")
        assert client.read().status == 200
        assert client.at_end()
    assert len(one.model.calls) == 1


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nno colon\r\n\r\n"]
)
def test_what_is_not_http_is_400_and_the_connection_closes(replica: Make, garbage: bytes) -> None:
    with replica().connect() as client:
        assert client.ask(request(PREDICT, ONE)).status == 200
        answer = client.ask(garbage)
        assert (answer.status, answer.header("connection")) == (400, "close")
        assert client.at_end()


def test_what_is_not_http_does_not_take_the_place_of_the_answer_before_it(replica: Make) -> None:
    one = busy(replica)
    with one.connect() as client:
        client.send(request(PREDICT, ONE) + b"\x00\x00\r\n\r\n")
        one.model.entered()
        one.model.release()
        answer = client.read()
        assert (answer.status, answer.header("connection")) == (200, "close")
        assert client.at_end()


def test_a_client_that_has_stopped_sending_still_gets_its_answer(replica: Make) -> None:
    one = busy(replica)
    with one.connect() as client:
        client.send(request(PREDICT, ONE))
        one.model.entered()
        client.socket.shutdown(1)
        connection = one.front.connection(client.port)
        one.front.until(lambda: not connection.cycle.keep_alive)
        one.model.release()
        answer = client.read()
        assert (answer.status, answer.header("connection")) == (200, "close")
        assert client.at_end()


def test_a_client_that_stops_sending_in_the_middle_of_a_request_is_dropped(replica: Make) -> None:
    one = replica()
    with one.connect() as client:
        client.send(request(PREDICT, ONE)[:-3])
        client.socket.shutdown(1)
        assert client.at_end()
    assert one.model.calls == []


def test_a_client_that_went_away_while_its_request_waited_costs_the_model_nothing(replica: Make) -> None:
    one = busy(replica)
    with one.connect() as running:
        running.send(request(PREDICT, body_of(1)))
        one.model.entered()
        waiting = one.connect()
        waiting.send(request(PREDICT, body_of(2)))
        one.front.until(lambda: one.in_flight == 2)
        waiting.reset()
        one.front.until(lambda: one.in_flight == 1)
        one.model.release()
        assert running.read().status == 200
        assert running.ask(request(PREDICT, body_of(3))).status == 200
    assert one.model.batches == [1, 1]


def test_a_client_that_went_away_while_the_model_ran_is_not_missed(
    replica: Make, caplog: pytest.LogCaptureFixture
) -> None:
    one = busy(replica)
    client = one.connect()
    client.send(request(PREDICT, ONE))
    one.model.entered()
    client.reset()
    one.front.until(lambda: one.in_flight == 0)
    one.model.release()
    assert one.ask(request(PREDICT, ONE)).status == 200
    assert not [record for record in caplog.records if record.name.startswith("deployments")]


def test_a_client_that_went_away_in_the_middle_of_its_body_is_not_missed(replica: Make) -> None:
    one = replica()
    client = one.connect()
    client.send(request(PREDICT, ONE)[:-1])
    client.reset()
    assert one.ask(request(PREDICT, ONE)).status == 200
    assert len(one.model.calls) == 1


WIDE = Signature(inputs=DOUBLER.inputs, outputs=(TensorSpec("y", "FP32", (FREE, 4096)),))
"""Answers far larger than their requests."""


def test_a_client_that_does_not_read_is_not_read_from(replica: Make) -> None:
    one = replica(
        FakeModel(lambda inputs: {"y": np.full((len(inputs["x"]), 4096), 0.123456, np.float32)}, signature=WIDE)
    )
    raw = request(PREDICT, ONE, x_padding="x" * 1000)
    with one.connect() as client:
        connection = one.front.connection(client.port)

        def stuck() -> bool:
            return connection.flow.read_paused and connection.flow.write_paused

        sent = _send_until_stuck(client.socket, raw, lambda: one.front.on_loop(stuck))
        assert one.front.on_loop(connection.transport.get_write_buffer_size) < 2**20
        client.socket.settimeout(PATIENCE_S)
        for _ in range(sent):
            assert client.read().status == 200


def _send_until_stuck(socket: Any, raw: bytes, stuck: Callable[[], bool]) -> int:
    """Send the request over and over until the server reads no more; gives how often it was sent whole."""
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
    front = Front(keep_alive_s=0.05)
    try:
        with replica(front=front).connect() as client:
            assert client.ask(request(PREDICT, ONE)).status == 200
            assert client.at_end()
    finally:
        front.stop()


def test_a_server_that_stops_finishes_the_request_under_way_and_says_close(replica: Make) -> None:
    front = Front()
    one = busy(replica, front=front)
    with one.connect() as idle, one.connect() as client:
        client.send(request(PREDICT, ONE))
        one.model.entered()
        front.begin_to_stop()
        assert idle.at_end()
        one.model.release()
        answer = client.read()
        assert (answer.status, answer.header("connection")) == (200, "close")
        assert client.at_end()
    front.stop()


def test_a_server_that_stops_takes_the_rest_of_a_body_that_has_begun(replica: Make) -> None:
    front = Front()
    one = replica(front=front)
    raw = request(PREDICT, ONE)
    with one.connect() as client:
        client.send(raw[:-1])
        connection = front.connection(client.port)
        front.until(lambda: connection.cycle is not None)
        front.begin_to_stop()
        front.until(lambda: not connection.cycle.keep_alive)
        answer = client.ask(raw[-1:])
        assert (answer.status, answer.header("connection")) == (200, "close")
        assert client.at_end()
    front.stop()
