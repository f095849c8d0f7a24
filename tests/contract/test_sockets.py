"""WebSockets, with the `websockets` client as it is, on the fast path and through Serve's wrapper."""

import json
import struct
import threading

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from modelyard.protocols.websocket.session import MAX_OPEN
from tests.contract.client import small_buffers
from tests.contract.front import Front
from tests.contract.replica import DEAR, ONE, TWO
from tests.fakes import PATIENCE_S, FakeGenerator, FakeModel

WS = "/models/doubler/ws"
END = {"end": True}


def opened(rig, path: str = WS, **options) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{rig.front.port}{path}", open_timeout=PATIENCE_S, proxy=None, **options)


def told(socket: ClientConnection):
    return json.loads(socket.recv(PATIENCE_S))


def ask(value: float) -> str:
    return json.dumps({"instances": [[value]]})


def binary(value: float, *, wanted: bool = True, **head) -> bytes:
    raw = np.array([value], np.float32).tobytes()
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "parameters": {"binary_data_size": len(raw)}}
    text = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": wanted}, **head}).encode()
    return struct.pack("<I", len(text)) + text + raw


def test_each_message_is_a_request_and_gets_an_answer(replica):
    with opened(replica()) as socket:
        for body, doubled in ((ONE, [[3.0]]), (TWO, [[4.0], [-8.0]])):
            socket.send(body.decode())
            assert told(socket) == {"model_name": "doubler", "model_version": "3", "predictions": doubled}


def test_a_binary_message_carries_tensors_and_so_does_its_answer(replica):
    with opened(replica()) as socket:
        socket.send(binary(1.5, id="7"))
        answer = socket.recv(PATIENCE_S)
    [length] = struct.unpack_from("<I", answer)
    head, raw = json.loads(answer[4 : 4 + length]), answer[4 + length :]
    assert (head["id"], head["outputs"][0]["shape"], np.frombuffer(raw, np.float32).tolist()) == ("7", [1, 1], [3.0])


def test_a_binary_message_may_want_its_answer_as_json(replica):
    with opened(replica()) as socket:
        socket.send(binary(1.5, wanted=False))
        answer = socket.recv(PATIENCE_S)
    assert struct.unpack_from("<I", answer) == (len(answer) - 4,)
    assert json.loads(answer[4:])["outputs"][0]["data"] == [3.0]


@pytest.mark.parametrize(
    "message",
    ["", "no json", '{"instances": [["a"]]}', b"", b"\1\0", b"\xff\xff\xff\xff{}", struct.pack("<I", 2) + b"{}more"],
)
def test_a_message_that_is_wrong_is_answered_with_a_problem_and_the_socket_stays_open(replica, message):
    with opened(replica()) as socket:
        socket.send(message)
        assert told(socket)["status"] == 400
        socket.send(ask(1))
        assert told(socket)["predictions"] == [[2.0]]


def test_a_message_over_the_limit_is_refused_and_the_socket_stays_open(replica):
    with opened(replica(body=1000)) as socket:
        socket.send("x" * 1001)
        assert told(socket)["status"] == 413
        socket.send(ask(1))
        assert told(socket)["predictions"] == [[2.0]]


def test_answers_come_in_the_order_of_the_requests_which_share_calls(replica):
    rig = replica(FakeModel(), DEAR)
    rig.model.hold()
    with opened(rig) as socket:
        for value in range(10):
            socket.send(ask(value) if value != 5 else "no json")
        rig.front.until(lambda: rig.in_flight == 9)
        rig.model.release()
        answers = [told(socket) for _ in range(10)]
    assert [answer.get("predictions") for answer in answers] == [
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
        message = ask(1) + " " * 2**16

        def flood() -> None:
            for _ in range(200):
                socket.send(message)

        sending = threading.Thread(target=flood)
        sending.start()
        rig.front.until(lambda: rig.in_flight >= MAX_OPEN)
        for _ in range(1000):
            rig.front.on_loop(lambda: None)  # time in which it would have read on
        assert sending.is_alive(), "13 MB are on their way, and nobody takes them"
        assert rig.in_flight <= MAX_OPEN + 2, "the one whose turn it is, and the one that waits for a place"
        rig.model.release()
        assert all(told(socket)["predictions"] == [[2.0]] for _ in range(200))
        sending.join(PATIENCE_S)


def test_parts_are_messages_and_one_more_ends_them(replica):
    with opened(replica(FakeGenerator(2)), f"{WS}?stream=true") as socket:
        for _ in range(2):
            socket.send(ask(1))
            assert [told(socket).get("predictions") for _ in range(2)] == [[[2.0]], [[4.0]]]
            assert told(socket) == END
        socket.send("no json")
        assert told(socket)["status"] == 400


def test_a_generating_model_is_asked_for_whole_answers_where_no_parts_are_wanted(replica):
    with opened(replica(FakeGenerator(2))) as socket:
        socket.send(ask(1))
        assert told(socket)["predictions"] == [[2.0]]


@pytest.mark.parametrize("path", [WS, f"{WS}?stream=true"])
def test_what_is_under_way_ends_with_the_socket(replica, path):
    rig = replica(FakeGenerator(10**9), DEAR)
    rig.model.hold()
    with opened(rig, path) as socket:
        socket.send(ask(1))
        rig.model.entered()
    rig.front.until(lambda: rig.in_flight == 0)
    rig.model.release()
    assert rig.version.counts.codes["websocket"]["timeout"] == 1


def test_a_lazy_reader_holds_up_its_own_generation(replica):
    rig = replica(FakeGenerator(10**9))
    with opened(rig, f"{WS}?stream=true", max_queue=1, compression=None) as socket:
        small_buffers(socket.socket)
        socket.send(json.dumps({"instances": [[1.5]] * 3000}))
        generations, seen = rig.version.scheduler.generations, []

        def waits() -> bool:
            """Nothing was computed for many turns of the loop."""
            seen.append(len(rig.model.calls))
            return len(seen) > 2000 and seen[-1] == seen[-2000] > 0

        rig.front.until(waits)
        assert len(generations.open) == 1
        with opened(rig) as other:
            other.send(ask(1))
            assert told(other)["predictions"] == [[2.0]]


def test_requests_of_a_socket_are_counted_one_by_one(replica):
    rig = replica()
    with opened(rig) as socket:
        for message in (ask(1), binary(1), "no json"):
            socket.send(message)
            socket.recv(PATIENCE_S)
    counts = rig.version.counts.codes["websocket"]
    assert (counts["ok"], counts["invalid"]) == (2, 1)


@pytest.mark.parametrize("path", ["/models/doubler/versions/7/ws", "/models/doubler/predict"])
def test_a_socket_where_there_is_none_is_refused_with_a_problem(replica, path):
    with pytest.raises(InvalidStatus) as caught, opened(replica(), path):
        pass
    response = caught.value.response
    assert (response.status_code, json.loads(response.body)["title"]) == (404, "Not Found")


def test_a_socket_of_a_version_is_that_versions(replica):
    with opened(replica(), "/models/doubler/versions/3/ws?probabilities=false") as socket:
        socket.send(ask(1))
        assert told(socket)["model_version"] == "3"


def test_pings_are_answered(replica):
    with opened(replica()) as socket:
        assert socket.ping().wait(PATIENCE_S)


def test_a_server_that_stops_closes_its_sockets_as_one_that_restarts(replica):
    front = Front()
    try:
        with opened(replica(front=front)) as socket:
            socket.send(ask(1))
            told(socket)
            front.begin_to_stop()
            with pytest.raises(ConnectionClosed) as caught:
                socket.recv(PATIENCE_S)
            assert caught.value.rcvd.code == 1012
    finally:
        front.stop()


def test_the_keep_alive_time_of_idle_connections_is_not_for_sockets(replica):
    rig = replica()
    with opened(rig) as socket:
        assert socket.ping().wait(PATIENCE_S)
        assert rig.front.connections[-1]._watchdog._timer.cancelled()
