"""Clients with one long connection: a gRPC channel, a WebSocket and an event stream. Each counts its results.

The models are those of `tests.faults.load`, but for event streams.
"""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import requests
import tritonclient.grpc
from tritonclient.utils import InferenceServerException, triton_to_np_dtype
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.faults.load import GIVE_UP_S
from tests.faults.multipliers import Answers
from tests.serve.project import Server

EVERY_S = 1 / 60
"""The pause of a client after a response."""
NUMBER = 4


@contextmanager
def calls(
    server: Server, name: str, answers: Answers | None = None, *, every_s: float = EVERY_S
) -> Iterator[Counter[str]]:
    """gRPC calls on one channel, without retries. Counts how they end."""
    right = (answers or Answers()).are_right

    def call(over: threading.Event, ends: Counter[str]) -> None:
        with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.project.grpc_port}") as client:
            metadata = client.get_model_metadata(name)
            (declared,) = metadata.inputs
            shape = [1] * len(declared.shape)
            tensor = tritonclient.grpc.InferInput(declared.name, shape, declared.datatype)
            tensor.set_data_from_numpy(np.full(shape, NUMBER, triton_to_np_dtype(declared.datatype)))
            output = metadata.outputs[0].name
            while not over.wait(every_s):
                try:
                    response = client.infer(name, [tensor], client_timeout=GIVE_UP_S)
                except InferenceServerException as error:
                    ends[f"{error.status()}: {error.message()}"] += 1
                else:
                    ends["ok" if right(response.as_numpy(output), NUMBER) else "wrong"] += 1

    with _meanwhile(call) as ends:
        yield ends


@contextmanager
def messages(
    server: Server,
    name: str,
    answers: Answers | None = None,
    *,
    every_s: float = EVERY_S,
    reconnects: bool = False,
) -> Iterator[Counter[str]]:
    """Requests on one WebSocket.

    With `reconnects`, a client whose connection ends connects again and repeats the request that was not answered. This is
    counted as "reconnected".
    """
    expected = answers or Answers()
    request = json.dumps(expected.request(NUMBER))

    def send_on(socket: ClientConnection, over: threading.Event, ends: Counter[str]) -> None:
        while not over.wait(every_s):
            socket.send(request)
            predictions = json.loads(socket.recv(GIVE_UP_S)).get("predictions")
            ends["ok" if expected.are_right(predictions, NUMBER) else "wrong"] += 1

    def send_requests(over: threading.Event, ends: Counter[str]) -> None:
        url = f"ws://127.0.0.1:{server.project.port}/models/{name}/ws"
        while not over.is_set():
            try:
                with connect(url, proxy=None, open_timeout=GIVE_UP_S) as socket:
                    send_on(socket, over, ends)
            except ConnectionClosed:
                if not reconnects:
                    raise
                ends["reconnected"] += 1

    with _meanwhile(send_requests) as ends:
        yield ends


@contextmanager
def events(server: Server, name: str) -> Iterator[Counter[str]]:
    """The parts of one response of a model that counts (`tests.serve.models.TICKS`). None may be missing."""

    def read(over: threading.Event, ends: Counter[str]) -> None:
        body = {"inputs": {"x": [0]}}
        with requests.post(f"{server.url}/models/{name}/stream", json=body, stream=True, timeout=30) as response:
            counted = itertools.count()
            for line in filter(None, response.iter_lines(64)):
                part = json.loads(line.removeprefix(b"data: "))["outputs"]
                ends["ok" if part["n"] == [next(counted)] else "wrong"] += 1
                if over.is_set():
                    return
        ends["ended"] += 1

    with _meanwhile(read) as ends:
        yield ends


@contextmanager
def _meanwhile(client: Callable[[threading.Event, Counter[str]], None]) -> Iterator[Counter[str]]:
    over, ends = threading.Event(), Counter[str]()

    def run() -> None:
        try:
            client(over, ends)
        except (OSError, WebSocketException) as error:  # the errors of `requests` are OSErrors too
            ends[repr(error)] += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ends
    finally:
        over.set()
        thread.join()
