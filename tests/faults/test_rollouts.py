"""New versions of a model under load: no client of any kind loses a request, on connections that it keeps."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from tests.faults.conftest import LONG
from tests.faults.load import Load, shown
from tests.serve.models import ECHO
from tests.serve.project import Server

ROLLOUTS = 12 if LONG else 2
CALL_EVERY_S = 1 / 60


@contextmanager
def calls(server: Server, name: str) -> Iterator[Counter[str]]:
    """gRPC calls on one channel, sixty a second, which are never made again. Counts how they end."""
    ends: Counter[str] = Counter()
    over = threading.Event()
    given = tritonclient.grpc.InferInput("x", [1], "FP64")
    given.set_data_from_numpy(np.array([4.0]))

    def call() -> None:
        with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.project.grpc_port}") as client:
            while not over.wait(CALL_EVERY_S):
                try:
                    answer = client.infer(name, [given], client_timeout=30)
                except InferenceServerException as error:
                    ends[f"{error.status()}: {error.message()}"] += 1
                else:
                    ends["ok" if answer.as_numpy("y").tolist() == [8.0] else "wrong"] += 1

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield ends
    finally:
        over.set()
        thread.join()


def test_no_request_and_no_call_on_a_lasting_connection_notices_a_new_version(faulty: Server) -> None:
    name = "rolling"
    faulty.project.add_python(name, ECHO)
    faulty.project.configure(name, "runtime: python:model:Model\ntrusted: true\n")
    faulty.wait_for(lambda: faulty.status().get(name, {}).get("state") == "READY", what="version 1")
    with Load(faulty.project.port, name, rate=60, clients=8) as load, calls(faulty, name) as ends:
        for version in range(2, 2 + ROLLOUTS):
            old = faulty.replicas(name)
            faulty.project.add_python(name, ECHO, version=version)
            faulty.wait_for(lambda old=old: set(old).isdisjoint(faulty.replicas(name)), what=f"version {version} alone")
        time.sleep(1)
    (faulty.project.models / f"{name}.yaml").unlink()
    assert set(ends) == {"ok"}, ends
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)
