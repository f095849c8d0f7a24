"""Replica counts follow the load up and down."""

import json
import threading

from websockets.sync.client import connect

from tests.serve.project import Server


def test_replicas_follow_the_load_up_and_down(server: Server) -> None:
    over = threading.Event()

    def send_request() -> None:
        while not over.is_set():
            server.predict("slow", {"instances": [0.05]})

    clients = [threading.Thread(target=send_request) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        server.wait_for(lambda: len(server.replicas("slow")) >= 2, what="a second replica")
    finally:
        over.set()
        for client in clients:
            client.join()
    server.wait_for(lambda: len(server.replicas("slow")) == 1, 180, "one replica again")


def test_a_websocket_wakes_a_model_that_is_scaled_to_zero(server: Server) -> None:
    server.wait_for(lambda: not server.replicas("dozer"), what="the model to scale to zero")
    with connect(f"ws://127.0.0.1:{server.project.port}/models/dozer/ws", proxy=None, open_timeout=60) as socket:
        for value in (1.5, -2.0):
            socket.send(json.dumps({"instances": [value]}))
            assert json.loads(socket.recv(60))["predictions"] == [value * 2]
    assert server.replicas("dozer")
