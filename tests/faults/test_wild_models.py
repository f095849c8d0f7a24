"""A model that misbehaves: its request gets an error, later requests succeed, and another model is not affected."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests

from tests.faults.conftest import LONG, TIMEOUT_S
from tests.faults.load import Load, shown
from tests.serve.project import Server

WILD = """\
import ctypes
import os
import sys
import time

import numpy as np


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no words for it")

    __repr__ = __str__


def raises(error):
    raise error


class Model:
    signature = {
        "inputs": [{"name": "do", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
    }
    example = {"do": ["nothing"]}

    def load(self, directory, options, cpus):
        self.kept = []

    def predict(self, inputs):
        what, rows = str(inputs["do"][0]), len(inputs["do"])
        one = np.ones(rows)
        return {
            "nothing": lambda: {"y": one},
            "Exception": lambda: raises(ValueError("a\\nmodel")),
            "BaseException": lambda: raises(BaseException("everything")),
            "SystemExit": lambda: sys.exit(1),
            "KeyboardInterrupt": lambda: raises(KeyboardInterrupt()),
            "GeneratorExit": lambda: raises(GeneratorExit()),
            "StopIteration": lambda: raises(StopIteration()),
            "MemoryError": lambda: np.ones(2**50),
            "RecursionError": lambda: self.predict(inputs),
            "unspeakable": lambda: raises(Unspeakable()),
            "nan": lambda: {"y": one * float("nan")},
            "too few": lambda: {"y": one[:0]},
            "too many": lambda: {"y": np.ones(rows + 1)},
            "deep": lambda: {"y": np.ones((rows, 2))},
            "texts": lambda: {"y": np.array(["a"] * rows)},
            "objects": lambda: {"y": np.array([object()] * rows)},
            "no array": lambda: {"y": 3},
            "no output": lambda: {},
            "another output": lambda: {"z": one},
            "None": lambda: None,
            "hang": lambda: time.sleep(3600),
            "exit": lambda: os._exit(3),
            "segfault": lambda: ctypes.string_at(0),
            "fill": lambda: self.fill(one),
        }[what]()

    def fill(self, one):
        self.kept.append(bytearray(os.urandom(1)) * (16 * 2**20))
        return {"y": one}
"""
SURVIVED = {
    **dict.fromkeys(
        (
            *("Exception", "BaseException", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration"),
            *("MemoryError", "RecursionError", "unspeakable", "too few", "too many", "deep", "texts", "objects"),
            *("no array", "no output", "another output", "None"),
        ),
        500,
    ),
    "nan": 200,
}
"""The status of such a request, from a replica that keeps running."""
DEADLY = ("exit", "segfault")


@pytest.fixture(scope="module")
def wild(faulty: Server) -> Iterator[Server]:
    faulty.project.add_python("wild", WILD)
    faulty.project.configure(
        "wild",
        "runtime: python:model:Model\ntrusted: true\nretry: never\nresources: {memory: 600MiB}\n"
        f"limits: {{timeout_s: {TIMEOUT_S}}}\n",
    )
    faulty.wait_for(lambda: responds(faulty), what="the model")
    yield faulty
    (faulty.project.models / "wild.yaml").unlink()


def send(server: Server, what: str) -> requests.Response:
    return server.predict("wild", {"instances": [what]})


def responds(server: Server) -> bool:
    return server.responds("wild", {"instances": ["nothing"]})


def test_an_exception_or_wrong_output_of_a_model_fails_only_its_request(wild: Server) -> None:
    replicas = wild.replicas("wild")
    with Load(wild.project.port, "single") as load:
        seen = {}
        for what in SURVIVED:
            seen[what] = send(wild, what).status_code
            assert send(wild, "nothing").json() == {**send(wild, "nothing").json(), "predictions": [1.0]}
    assert seen == SURVIVED
    assert send(wild, "nan").json()["predictions"] == [None]
    assert wild.replicas("wild") == replicas
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


@pytest.mark.parametrize("what", DEADLY)
def test_a_model_that_ends_its_process_loses_its_request_and_is_restarted(wild: Server, what: str) -> None:
    with Load(wild.project.port, "single") as load:
        with suppress(
            requests.ConnectionError
        ):  # if it is the last replica of the model, the connection may be closed instead
            assert send(wild, what).status_code == 503
        wild.wait_for(lambda: responds(wild), what="another replica")
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


def test_a_call_that_hangs_gets_504_and_its_replica_is_replaced(wild: Server) -> None:
    with Load(wild.project.port, "single") as load:
        response = send(wild, "hang")
        assert response.status_code == 504, response.text
        if LONG:
            wild.wait_for(lambda: responds(wild), what="another replica")
        else:
            wild.kill("ray::ServeReplica:wild:")  # the result of its health check, after three times the timeout
            wild.wait_for(lambda: responds(wild), what="another replica")
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


def test_a_model_that_exceeds_its_memory_gets_errors_and_another_model_is_not_affected(wild: Server) -> None:
    with Load(wild.project.port, "single") as load:
        seen = [send(wild, "fill").status_code for _ in range(60)]
        assert set(seen) <= {200, 500, 503}
        assert seen[0] == 200
        assert seen[-1] != 200
        wild.kill("ray::ServeReplica:wild:")
        wild.wait_for(lambda: responds(wild), what="another replica")
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)
