"""WebSockets, with the `websockets` client, on the fast path and through Serve's wrapper."""

import json
import struct
import threading

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from modelyard.protocols.websocket.session import MAX_OPEN
from tests.contract.client import small_buffers
from tests.contract.http_server import HttpServer
from tests.contract.replica import DEAR, ONE, TWO
from tests.fakes import PATIENCE_S, FakeGenerator, FakeModel

WS = "/models/doubler/ws"
END = {"end": True}


def opened(rig, path: str = WS, **options) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{rig.http_server.port}{path}", open_timeout=PATIENCE_S, proxy=None, **options)


def receive(socket: ClientConnection):
    return json.loads(socket.recv(PATIENCE_S))


def request_text(value: float) -> str:
    return json.dumps({"instances": [[value]]})


def binary(value: float, *, wanted: bool = True, **head) -> bytes:
    raw = np.array([value], np.float32).tobytes()
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "parameters": {"binary_data_size": len(raw)}}
    text = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": wanted}, **head}).encode()
    return struct.pack("<I", len(text)) + text + raw


def test_each_message_is_a_request_and_gets_a_response(replica):
    with opened(replica()) as socket:
        for body, doubled in ((ONE, [[3.0]]), (TWO, [[4.0], [-8.0]])):
            socket.send(body.decode())
            assert receive(socket) == {"model_name": "doubler", "model_version": "3", "predictions": doubled}


def test_a_binary_message_and_its_response_carry_tensors(replica):
    with opened(replica()) as socket:
        socket.send(binary(1.5, id="7"))
        reply_received = socket.recv(PATIENCE_S)
    [length] = struct.unpack_from("<I", reply_received)
    head, raw = json.loads(reply_received[4 : 4 + length]), reply_received[4 + length :]
    assert (head["id"], head["outputs"][0]["shape"], np.frombuffer(raw, np.float32).tolist()) == ("7", [1, 1], [3.0])


def test_the_response_to_a_binary_message_may_be_json(replica):
    with opened(replica()) as socket:
        socket.send(binary(1.5, wanted=False))
        reply_received = socket.recv(PATIENCE_S)
    assert struct.unpack_from("<I", reply_received) == (len(reply_received) - 4,)
    assert json.loads(reply_received[4:])["outputs"][0]["data"] == [3.0]


@pytest.mark.parametrize(
    "message",
    ["", "no json", '{"instances": [["a"]]}', b"", b"\1\0", b"\xff\xff\xff\xff{}", struct.pack("<I", 2) + b"{}more"],
)
def test_an_invalid_message_gets_a_problem_and_the_socket_stays_open(replica, message):
    with opened(replica()) as socket:
        socket.send(message)
        assert receive(socket)["status"] == 400
        socket.send(request_text(1))
        assert receive(socket)["predictions"] == [[2.0]]


def test_a_message_over_the_limit_is_rejected_and_the_socket_stays_open(replica):
    with opened(replica(body=1000)) as socket:
        socket.send("x" * 1001)
        assert receive(socket)["status"] == 413
        socket.send(request_text(1))
        assert receive(socket)["predictions"] == [[2.0]]


def test_responses_are_in_the_order_of_the_requests_which_share_batches(replica):
    rig = replica(FakeModel(), DEAR)
    rig.model.hold()
    with opened(rig) as socket:
        for value in range(10):
            socket.send(request_text(value) if value != 5 else "no json")
        rig.http_server.until(lambda: rig.in_flight == 9)
        rig.model.release()
        responses = [receive(socket) for _ in range(10)]
    assert [reply_received.get("predictions") for reply_received in responses] == [
        [[2.0 * value]] if value != 5 else None for value in range(10)
    ]
    assert max(rig.model.batches) > 1


def test_a_client_that_does_not_read_is_not_read_from(replica):
    rig = replica(FakeModel(), DEAR)
    if rig.way == "asgi":
        pytest.skip("Serve's wrapper reads without flow control; the fast path does not use it")
    rig.model.hold()
    with opened(rig, compression=None) as socket:
        small_buffers(socket.socket)
        message = request_text(1) + " " * 2**16

        def flood() -> None:
            for _ in range(200):
                socket.send(message)

        sending = threading.Thread(target=flood)
        sending.start()
        rig.http_server.until(lambda: rig.in_flight >= MAX_OPEN)
        for _ in range(1000):
            rig.http_server.on_loop(lambda: None)  # time in which it would have read on
        assert sending.is_alive(), "13 MB are sent, and the server does not read them"
        assert rig.in_flight <= MAX_OPEN + 2, "the message that is processed, and the one that waits"
        rig.model.release()
        assert all(receive(socket)["predictions"] == [[2.0]] for _ in range(200))
        sending.join(PATIENCE_S)


def test_parts_are_messages_and_one_more_ends_them(replica):
    with opened(replica(FakeGenerator(2)), f"{WS}?stream=true") as socket:
        for _ in range(2):
            socket.send(request_text(1))
            assert [receive(socket).get("predictions") for _ in range(2)] == [[[2.0]], [[4.0]]]
            assert receive(socket) == END
        socket.send("no json")
        assert receive(socket)["status"] == 400


def test_a_generating_model_returns_whole_outputs_if_no_parts_are_requested(replica):
    with opened(replica(FakeGenerator(2))) as socket:
        socket.send(request_text(1))
        assert receive(socket)["predictions"] == [[2.0]]


@pytest.mark.parametrize("path", [WS, f"{WS}?stream=true"])
def test_what_is_under_way_ends_with_the_socket(replica, path):
    rig = replica(FakeGenerator(10**9), DEAR)
    rig.model.hold()
    with opened(rig, path) as socket:
        socket.send(request_text(1))
        rig.model.entered()
    rig.http_server.until(lambda: rig.in_flight == 0)
    rig.model.release()
    assert rig.version.counts.codes["websocket"]["timeout"] == 1


def test_a_slow_reader_delays_only_its_own_generation(replica):
    rig = replica(FakeGenerator(10**9))
    with opened(rig, f"{WS}?stream=true", max_queue=1, compression=None) as socket:
        small_buffers(socket.socket)
        socket.send(json.dumps({"instances": [[1.5]] * 3000}))
        generations, seen = rig.version.scheduler.generations, []

        def waits() -> bool:
            """Nothing was computed for many turns of the loop."""
            seen.append(len(rig.model.calls))
            return len(seen) > 2000 and seen[-1] == seen[-2000] > 0

        rig.http_server.until(waits)
        assert len(generations.open) == 1
        with opened(rig) as other:
            other.send(request_text(1))
            assert receive(other)["predictions"] == [[2.0]]


def test_requests_of_a_socket_are_counted_one_by_one(replica):
    rig = replica()
    with opened(rig) as socket:
        for message in (request_text(1), binary(1), "no json"):
            socket.send(message)
            socket.recv(PATIENCE_S)
    counts = rig.version.counts.codes["websocket"]
    assert (counts["ok"], counts["invalid"]) == (2, 1)


@pytest.mark.parametrize("path", ["/models/doubler/versions/7/ws", "/models/doubler/predict"])
def test_a_websocket_on_an_unknown_path_is_rejected_with_a_problem(replica, path):
    with pytest.raises(InvalidStatus) as caught, opened(replica(), path):
        pass
    response = caught.value.response
    assert (response.status_code, json.loads(response.body)["title"]) == (404, "Not Found")


def test_a_socket_of_a_version_is_that_versions(replica):
    with opened(replica(), "/models/doubler/versions/3/ws?probabilities=false") as socket:
        socket.send(request_text(1))
        assert receive(socket)["model_version"] == "3"


def test_pings_are_answered(replica):
    with opened(replica()) as socket:
        assert socket.ping().wait(PATIENCE_S)


def test_a_server_that_stops_closes_its_sockets_as_one_that_restarts(replica):
    http_server = HttpServer()
    try:
        with opened(replica(http_server=http_server)) as socket:
            socket.send(request_text(1))
            receive(socket)
            http_server.begin_to_stop()
            with pytest.raises(ConnectionClosed) as caught:
                socket.recv(PATIENCE_S)
            assert caught.value.rcvd.code == 1012
    finally:
        http_server.stop()


def test_the_keep_alive_time_of_idle_connections_is_not_for_sockets(replica):
    rig = replica()
    with opened(rig) as socket:
        assert socket.ping().wait(PATIENCE_S)
        assert rig.http_server.connections[-1]._watchdog._timer.cancelled()
