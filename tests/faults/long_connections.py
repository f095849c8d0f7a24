"""Clients with one long connection: a gRPC channel, a WebSocket and an event stream. Each counts its results."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import requests
import tritonclient.grpc
from tritonclient.utils import InferenceServerException
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.serve.project import Server

EVERY_S = 1 / 60


@contextmanager
def calls(server: Server, name: str) -> Iterator[Counter[str]]:
    """gRPC calls on one channel, 60 per second, without retries. Counts how they end."""
    tensor = tritonclient.grpc.InferInput("x", [1], "FP64")
    tensor.set_data_from_numpy(np.array([4.0]))

    def call(over: threading.Event, ends: Counter[str]) -> None:
        with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.project.grpc_port}") as client:
            while not over.wait(EVERY_S):
                try:
                    response = client.infer(name, [tensor], client_timeout=30)
                except InferenceServerException as error:
                    ends[f"{error.status()}: {error.message()}"] += 1
                else:
                    ends["ok" if response.as_numpy("y").tolist() == [8.0] else "wrong"] += 1

    with _meanwhile(call) as ends:
        yield ends


@contextmanager
def messages(server: Server, name: str) -> Iterator[Counter[str]]:
    """Requests on one WebSocket, 60 per second."""

    def send_request(over: threading.Event, ends: Counter[str]) -> None:
        with connect(f"ws://127.0.0.1:{server.project.port}/models/{name}/ws", proxy=None) as socket:
            while not over.wait(EVERY_S):
                socket.send(json.dumps({"instances": [4]}))
                ends["ok" if json.loads(socket.recv(30))["predictions"] == [8.0] else "wrong"] += 1

    with _meanwhile(send_request) as ends:
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
