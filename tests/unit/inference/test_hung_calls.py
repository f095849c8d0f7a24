"""A model call that hangs, with a real event loop: other requests and other work of the loop continue."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import DeadlineExceeded, ModelyardError, Overloaded
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.scheduler import RECHECK, SINGLES, Scheduler
from modelyard.inference.warmup import Warmup
from modelyard.tensors import Tensors
from tests.fakes import PATIENCE_S, FakeModel, request_of, unrecorded
from tests.unit.inference.rig import CHEAP, Make

HANGS = 666.0
TIMEOUT_S = 0.05
LATE = (DeadlineExceeded, Overloaded)
"""What a request gets whose time is over, or would be."""


class Hanging(FakeModel):
    """Runs operator code that hangs on one input until the test releases it."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.loop_safe = False
        self.released = threading.Event()

    def _wait(self, inputs: Tensors) -> Tensors:
        if (inputs["x"] == HANGS).any():
            assert self.released.wait(PATIENCE_S)
        return {"y": inputs["x"] * 2}


class Client:
    """A client of a scheduler on the running loop."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    async def submit(self, value: float) -> list[float]:
        """The model's output. Raises the error of the request."""
        came: asyncio.Future[InferResponse | ModelyardError] = asyncio.get_running_loop().create_future()
        self.scheduler.submit(request_of(value), unrecorded(), came.set_result)
        result = await asyncio.wait_for(came, PATIENCE_S)
        if not isinstance(result, InferResponse):
            raise result
        values: list[float] = np.ravel(result.outputs["y"]).tolist()
        return values

    async def answered(self, value: float) -> list[float]:
        """The same, repeated as often as necessary on a busy machine."""
        while True:
            with suppress(DeadlineExceeded, Overloaded):
                return await self.submit(value)
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(model: FakeModel, batchable: bool = True) -> AsyncIterator[Client]:
    """Measured as cheap: it runs on the loop if that is allowed."""
    measured = Warmup(CHEAP.fixed_s, CHEAP.per_row_s, batchable)
    loop = asyncio.get_running_loop()
    scheduler = Scheduler(model, measured, limits=Limits(timeout_s=TIMEOUT_S), batching=Batching(), loop=loop)
    yield Client(scheduler)
    scheduler.close()


@pytest.mark.parametrize("batchable", [True, False])
def test_a_hung_call_costs_other_requests_at_most_their_deadline(batchable: bool) -> None:
    async def run() -> None:
        model = Hanging()
        async with serving(model, batchable) as client:
            for _ in range(2 * (SINGLES + RECHECK)):  # quick, with every way of submitting
                with suppress(*LATE):  # the machine may be busy
                    assert await client.submit(1) == [2]
            hung = asyncio.create_task(client.submit(HANGS))
            await asyncio.sleep(0)
            turns = 0
            neighbour = asyncio.create_task(client.submit(2))
            while not (hung.done() and neighbour.done()):
                turns += 1
                await asyncio.sleep(0)
            assert turns > 1, "the loop went on"
            for task in (hung, neighbour):
                assert isinstance(task.exception(), LATE)
            assert client.scheduler.stuck_s() > 0, "the health check sees it"
            assert client.scheduler.batch_on_loop() is None
            model.released.set()
            assert await client.answered(3) == [6]
        assert model.threads == {"modelyard-model"}

    asyncio.run(run())


@pytest.mark.parametrize("queue_up", [0, 1, SINGLES, SINGLES + RECHECK], ids="after {} quick ones".format)
@pytest.mark.parametrize("measured", [CHEAP, Warmup(0.0, 0.0, True)], ids=["cheap", "of no cost at all"])
def test_a_model_that_runs_operator_code_is_never_called_on_the_loop(
    rig: Make, queue_up: int, measured: Warmup
) -> None:
    model = FakeModel()
    model.loop_safe = False
    one = rig(model, measured)
    for _ in range(queue_up):
        one.submit(1)
        one.loop.settle()
        one.loop.turn_with_thread()
    one.submit_each(1, 2)
    one.loop.settle()
    while len(one.results) < queue_up + 2:
        one.loop.turn_with_thread()
    assert model.threads == {"modelyard-model"}


def test_another_thread_can_read_the_batch_on_the_loop(rig: Make) -> None:
    seen: list[object] = []
    servers: list[Scheduler] = []

    def observe(inputs: Tensors) -> Tensors:
        seen.append(servers[-1].batch_on_loop())
        return {"y": inputs["x"]}

    models = [FakeModel(observe), FakeModel(observe)]
    models[1].loop_safe = False
    for model in models:
        one = rig(model)
        servers.append(one.scheduler)
        for _ in range(SINGLES + 2):
            number = one.submit(1)
            one.loop.settle()
            if number not in one.results:
                one.loop.turn_with_thread()
        assert one.scheduler.batch_on_loop() is None
    half = len(seen) // 2
    assert None not in seen[:half]
    assert set(seen[half:]) == {None}
