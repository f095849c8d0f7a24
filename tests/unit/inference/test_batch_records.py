"""While the model runs, the requests of its batch are recorded where they outlive a killed process."""

import subprocess
import sys
from pathlib import Path

from modelyard.inference.running_requests import read_running

PROGRAM = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from modelyard.inference.batch import Batch
from modelyard.inference.running_requests import RUNNING, read_running
from modelyard.tensors import InferRequest

path = Path(sys.argv[1])
RUNNING.open(path)

def batch(*names):
    request = InferRequest({"x": np.zeros((1, 1))}, 1, ("y",))
    return Batch([SimpleNamespace(rows=1, request=request, context=SimpleNamespace(request_id=n)) for n in names], 0.0)

class Model:
    def predict(self, inputs, outputs):
        self.seen = read_running(path)
        self.end()
        return {"y": inputs["x"]}

def fail():
    raise ValueError

model = Model()
for model.end in (lambda: None, fail):
    ran = batch("one", "two")
    ran.run(model, True, lambda: 0.0)
    assert model.seen == ("one", "two"), model.seen
    assert read_running(path) == (), "the call has ended"
    assert (ran.error is None) == (model.end is not fail)
model.end = lambda: os.kill(os.getpid(), signal.SIGKILL)
batch("three").run(model, True, lambda: 0.0)
"""


def test_the_requests_of_a_batch_are_noted_while_the_model_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.running"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], timeout=60, check=False, capture_output=True, text=True
    )
    assert done.returncode == -9, done.stderr
    assert read_running(path) == ("three",)
