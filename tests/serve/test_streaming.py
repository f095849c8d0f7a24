"""Streamed responses and WebSockets, through HAProxy, while other models are added and removed."""

import itertools
import json
import time

import numpy as np
import requests
import tritonclient.grpc as triton
from websockets.sync.client import connect

from tests.serve.models import ECHO, TICKS
from tests.serve.project import Server

LINE = {"instances": [{"text_input": "Beautiful is"}]}
WRITTEN = " better than ugly."
PYTHON = "runtime: python:model:Model\ntrusted: true\nrequired: false\n"


def test_a_websocket_streams_text_by_character_while_other_models_change(server: Server) -> None:
    url = f"ws://127.0.0.1:{server.project.port}/models/zen/ws?stream=true"
    with connect(url, proxy=None) as socket:

        def written() -> list[str]:
            socket.send(json.dumps(LINE))
            letters = []
            while not (part := json.loads(socket.recv(60))).get("end"):
                letters += part["predictions"]
            return letters

        assert written() == list(WRITTEN)
        server.project.add_example("iris", "passing")
        server.project.configure("passing")
        iris = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
        try:
            server.wait_for(lambda: server.responds("passing", iris), what="another model")
            assert written() == list(WRITTEN), "the old HAProxy still has the connection"
        finally:
            (server.project.models / "passing.yaml").unlink()
            server.wait_for(lambda: "passing" not in server.models())
        assert written() == list(WRITTEN)


def test_open_connections_survive_many_changes_of_other_models(fresh: Server) -> None:
    """Each change starts another HAProxy process; the one with these connections must keep running."""
    fresh.project.add_python("ticks", TICKS)
    fresh.project.configure("ticks", PYTHON)
    fresh.wait_for(lambda: fresh.models().get("ticks", {}).get("state") == "READY", what="the model that ticks")
    url = f"ws://127.0.0.1:{fresh.project.port}/models/echo/ws"
    ticks = requests.post(f"{fresh.url}/models/ticks/stream", json={"inputs": {"x": [0]}}, stream=True, timeout=60)
    with connect(url, proxy=None) as socket, ticks:
        events = (json.loads(line.removeprefix(b"data: "))["outputs"] for line in ticks.iter_lines(64) if line)
        counted = itertools.count()
        for turn in range(1, 5):
            fresh.project.add_python("guest", ECHO, version=turn)
            fresh.project.configure("guest", PYTHON)
            fresh.wait_for(lambda: fresh.responds("guest", {"instances": [1.0]}), what="the other model")
            (fresh.project.models / "guest.yaml").unlink()
            fresh.wait_for(lambda: "guest" not in fresh.models())
            changed = time.time()
            socket.send(json.dumps({"instances": [turn]}))
            assert json.loads(socket.recv(60))["predictions"] == [2.0 * turn]
            for tick in events:
                assert tick["n"] == [next(counted)]
                if tick["at"][0] > changed:
                    break


def test_grpc_streams_text_by_character(server: Server) -> None:
    text = triton.InferInput("text_input", [1], "BYTES")
    text.set_data_from_numpy(np.array(["Beautiful is"], object))
    received: list[str] = []

    def hear(result: triton.InferResult, error: Exception | None) -> None:
        received.append(str(error) if error else result.as_numpy("text_output")[0].decode())

    with triton.InferenceServerClient(f"127.0.0.1:{server.project.grpc_port}") as client:
        client.start_stream(hear)
        client.async_stream_infer("zen", [text])
        client.stop_stream()
    assert received == list(WRITTEN)


def test_a_websocket_of_an_unknown_model_is_404(server: Server) -> None:
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert requests.get(f"{server.url}/models/unknown/ws", headers=headers, timeout=60).status_code == 404
