"""A model that does anything: its own requests get an error, it answers the next ones, and its neighbour is not affected."""

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
"""What a request for it gets from a replica that goes on."""
DEADLY = ("exit", "segfault")


@pytest.fixture(scope="module")
def wild(faulty: Server) -> Iterator[Server]:
    faulty.project.add_python("wild", WILD)
    faulty.project.configure(
        "wild",
        "runtime: python:model:Model\ntrusted: true\nretry: never\nresources: {memory: 600MiB}\n"
        f"limits: {{timeout_s: {TIMEOUT_S}}}\n",
    )
    faulty.wait_for(lambda: answers(faulty), what="the model")
    yield faulty
    (faulty.project.models / "wild.yaml").unlink()


def asked(server: Server, what: str) -> requests.Response:
    return server.predict("wild", {"instances": [what]})


def answers(server: Server) -> bool:
    return server.answers("wild", {"instances": ["nothing"]})


def test_what_a_model_raises_or_answers_is_the_trouble_of_its_request_alone(wild: Server) -> None:
    replicas = wild.replicas("wild")
    with Load(wild.project.port, "single") as load:
        seen = {}
        for what in SURVIVED:
            seen[what] = asked(wild, what).status_code
            assert asked(wild, "nothing").json() == {**asked(wild, "nothing").json(), "predictions": [1.0]}
    assert seen == SURVIVED
    assert asked(wild, "nan").json()["predictions"] == [None]
    assert wild.replicas("wild") == replicas
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


@pytest.mark.parametrize("what", DEADLY)
def test_a_model_that_ends_its_process_costs_its_request_and_is_back(wild: Server, what: str) -> None:
    with Load(wild.project.port, "single") as load:
        with suppress(requests.ConnectionError):  # of the last replica of a model, the connection may be closed instead
            assert asked(wild, what).status_code == 503
        wild.wait_for(lambda: answers(wild), what="another replica")
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


def test_a_call_that_hangs_gets_504_and_its_replica_is_replaced(wild: Server) -> None:
    with Load(wild.project.port, "single") as load:
        answer = asked(wild, "hang")
        assert answer.status_code == 504, answer.text
        if LONG:
            wild.wait_for(lambda: answers(wild), what="another replica")
        else:
            wild.kill("ray::ServeReplica:wild:")  # what its health check would lead to, after three times its timeout
            wild.wait_for(lambda: answers(wild), what="another replica")
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)


def test_a_model_that_outgrows_its_memory_gets_errors_and_its_neighbour_none(wild: Server) -> None:
    with Load(wild.project.port, "single") as load:
        seen = [asked(wild, "fill").status_code for _ in range(60)]
        assert set(seen) <= {200, 500, 503}
        assert seen[0] == 200
        assert seen[-1] != 200
        wild.kill("ray::ServeReplica:wild:")
        wild.wait_for(lambda: answers(wild), what="another replica")
    assert set(load.kinds()) == {"ok"}, shown(load.outcomes)
