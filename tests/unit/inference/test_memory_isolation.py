"""Arrays of a model never affect another request: neither reused output buffers nor changed inputs."""

import numpy as np
import pytest

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import ModelyardError
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.scheduler import Scheduler
from modelyard.runtimes.python.model import PythonModel
from modelyard.tensors import Array, InferRequest
from tests.fakes import PATIENCE_S, FakeClock, FakeLoop, FakeModel, unrecorded
from tests.unit.inference.rig import EXPENSIVE, Make
from tests.unit.runtimes.python_models import loaded, source

REUSES_ITS_BUFFER = source("""
    def load(self, directory, options, cpus):
        from threading import Semaphore
        self.out = np.zeros(64)
        self.called = Semaphore(0)

    def predict(self, inputs):
        np.multiply(inputs["x"], 2, out=self.out[:len(inputs["x"])])
        self.called.release()
        return {"y": self.out[:len(inputs["x"])]}
""")


def rows(*values: float) -> InferRequest:
    return InferRequest({"x": np.array(values)}, len(values), ("y",))


def scheduler_of(model: PythonModel, loop: FakeLoop, clock: FakeClock, max_size: int) -> Scheduler:
    return Scheduler(model, EXPENSIVE, limits=Limits(), batching=Batching(max_size=max_size), loop=loop, clock=clock)


@pytest.mark.parametrize("first", [(rows(1),), (rows(1), rows(2, 3))], ids=["one request", "a batch"])
def test_outputs_that_are_not_yet_encoded_are_not_overwritten_by_the_next_batch(
    first: tuple[InferRequest, ...],
) -> None:
    clock = FakeClock()
    loop, model = FakeLoop(clock), loaded(REUSES_ITS_BUFFER)
    called = model._predict.__self__.called
    scheduler = scheduler_of(model, loop, clock, max_size=3)
    answers: list[Array] = []

    def encode(response: InferResponse | ModelyardError) -> None:
        assert isinstance(response, InferResponse), response
        if not answers:  # the worker already runs the second call; wait until it has written its numbers
            assert called.acquire(timeout=PATIENCE_S)
        answers.append(response.outputs["y"])

    for request in first:
        scheduler.submit(request, unrecorded(), encode)
    loop.settle()
    assert called.acquire(timeout=PATIENCE_S)
    scheduler.submit(rows(70, 80, 90), unrecorded(), encode)
    loop.settle()
    loop.turn_with_thread()
    loop.turn_with_thread()
    scheduler.close()
    assert [response.tolist() for response in answers] == [
        *[(2 * request.inputs["x"]).tolist() for request in first],
        [140, 160, 180],
    ]


def test_a_model_that_changes_its_inputs_and_fails_does_not_affect_the_retry_of_other_requests(rig: Make) -> None:
    def call(inputs: dict[str, Array]) -> dict[str, Array]:
        poisoned = (inputs["x"] == 666).any()
        inputs["x"] *= 2
        if poisoned:
            raise ValueError("poison")
        return {"y": inputs["x"]}

    one = rig(FakeModel(call))
    one.submit_each(1, 2, 666, 3)
    one.loop.settle()
    assert one.kinds() == ["InferResponse", "InferResponse", "InferenceFailed", "InferResponse"]
    assert [one.values(number) for number in (0, 1, 3)] == [[2], [4], [6]]
