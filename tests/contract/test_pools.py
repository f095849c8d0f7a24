"""A pool's models change while connections are open: bodies, WebSockets and gRPC streams go on with what serves then."""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotReady
from modelyard.protocols.grpc.status import Status
from modelyard.protocols.versions import VersionNames
from modelyard.replica.dispatch import Dispatch
from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.grpc_call import call
from tests.contract.replica import ONE, PREDICT, Replica, running
from tests.contract.test_grpc_streams import opened, request_message, values
from tests.contract.test_sockets import opened as opened_socket
from tests.contract.test_sockets import receive, request_text

NAMES = VersionNames((3,), 3)


@pytest.fixture
def in_pool() -> bool:
    return True


def on_loop(rig: Replica, change: Any) -> None:
    rig.http_server.on_loop(change)


def replace(rig: Replica) -> None:
    """By a model that triples."""

    def change() -> None:
        version = running("doubler", rig.http_server.loop)
        rig.pool.set_loaded(Dispatch(ModelSpec(name="doubler"), "onnx", {3: version}))
        rig.version.scheduler.close()
        rig.version.scheduler = version.scheduler

    on_loop(rig, change)


def evict(rig: Replica) -> None:
    on_loop(rig, lambda: rig.pool.set_waiting(ModelSpec(name="doubler"), NAMES))


@pytest.mark.parametrize("way", ["fast path"])
def test_a_body_that_arrives_while_its_model_is_replaced_gets_the_new_ones_response(replica: Make) -> None:
    rig = replica()
    head, _, body = request(PREDICT, ONE).partition(b"\r\n\r\n")
    with rig.connect() as client:
        client.send(head + b"\r\n\r\n" + body[:5])
        connection = rig.http_server.connection(client.port)
        rig.http_server.until(lambda: connection._body)
        replace(rig)
        response = client.fetch(body[5:])
    assert response.json["predictions"] == [[4.5]]
    assert rig.by_fast_path


def test_a_websocket_stays_open_when_its_model_is_replaced_or_evicted_and_is_closed_when_it_is_removed(
    replica: Make,
) -> None:
    rig = replica()
    loads: list[str] = []

    async def load(name: str) -> Dispatch:
        loads.append(name)
        rig.pool.set_loaded(
            dispatch := Dispatch(ModelSpec(name=name), "onnx", {3: running(name, rig.http_server.loop)})
        )
        return dispatch

    for model in rig.pool:
        model._load = load
    with opened_socket(rig) as socket:

        def answer() -> Any:
            socket.send(request_text(1))
            return receive(socket)

        assert answer()["predictions"] == [[2.0]]
        replace(rig)
        assert answer()["predictions"] == [[3.0]]
        evict(rig)
        assert answer()["predictions"] == [[3.0]]
        assert loads == ["doubler"]
        on_loop(rig, lambda: rig.pool.remove("doubler"))
        with pytest.raises(ConnectionClosed) as closed:
            answer()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


@pytest.mark.parametrize("path", ["/models/nobody/ws", "/nowhere"])
def test_a_websocket_of_an_unknown_model_is_rejected(replica: Make, path: str) -> None:
    with pytest.raises(InvalidStatus) as caught, opened_socket(replica(), path):
        pass
    response = caught.value.response
    assert (response.status_code, json.loads(response.body)["detail"]) == (404, f"there is no WebSocket at {path!r}")


@pytest.mark.parametrize("way", ["fast path"])
def test_the_messages_of_a_stream_go_to_the_models_that_they_name(replica: Make) -> None:
    rig = replica()
    with rig.connect() as client:
        stream = opened(client)
        stream.send(
            request_message(1), request_message(2, model_name="double"), request_message(3, model_name="elsewhere")
        )
        assert values(stream.read()) == [2.0]
        assert values(stream.read()) == [6.0]
        assert "there is no other model" in stream.read().error_message
        replace(rig)
        stream.send(request_message(1))
        assert values(stream.read()) == [3.0]
        stream.end()
        assert stream.rest().status == Status.OK


@pytest.mark.parametrize("way", ["fast path"])
def test_an_error_of_a_load_is_the_response_in_every_protocol(replica: Make) -> None:
    rig = replica()

    async def load(name: str) -> Dispatch:
        raise ModelNotReady("it does not fit")

    for model in rig.pool:
        model._load = load
    evict(rig)
    with rig.connect() as client:
        response = client.fetch(request(PREDICT, ONE))
        assert (response.status, response.json["detail"]) == (503, "it does not fit")
        assert client.fetch(request("/v2/models/doubler", method="GET")).json == {"error": "it does not fit"}
        called = call(client, "ModelInfer", request_message(1))
        assert (called.status, called.trailers["grpc-message"]) == (Status.UNAVAILABLE, "it does not fit")
        stream = opened(client)
        stream.send(request_message(1, id="7"), request_message(1, model_name="double"))
        refused = stream.read()
        assert (refused.error_message, refused.infer_response.id) == ("it does not fit", "7")
        assert values(stream.read()) == [3.0]
        stream.end()
        assert stream.rest().status == Status.OK
