"""A model that is quick until it is not, behind a real event loop: deadlines, neighbours and the loop's other work hold."""

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


class Hanging(FakeModel):
    """Runs an operator's code, which hangs for one input until the test lets it go."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.loop_safe = False
        self.let_go = threading.Event()

    def _wait(self, inputs: Tensors) -> Tensors:
        if (inputs["x"] == HANGS).any():
            assert self.let_go.wait(PATIENCE_S)
        return {"y": inputs["x"] * 2}


class Client:
    """Of a server on the running loop."""

    def __init__(self, server: Scheduler) -> None:
        self.server = server

    async def ask(self, value: float) -> list[float]:
        """What the model gives. Raises the request's error."""
        came: asyncio.Future[InferResponse | ModelyardError] = asyncio.get_running_loop().create_future()
        self.server.submit(request_of(value), unrecorded(), came.set_result)
        result = await asyncio.wait_for(came, PATIENCE_S)
        if not isinstance(result, InferResponse):
            raise result
        values: list[float] = np.ravel(result.outputs["y"]).tolist()
        return values

    async def answered(self, value: float) -> list[float]:
        """The same, as often as it takes on a busy machine."""
        while True:
            with suppress(DeadlineExceeded, Overloaded):
                return await self.ask(value)
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(model: FakeModel, batchable: bool = True) -> AsyncIterator[Client]:
    """Measured as cheap: where it may, it runs on the loop."""
    measured = Warmup(CHEAP.fixed_s, CHEAP.per_row_s, batchable)
    loop = asyncio.get_running_loop()
    server = Scheduler(model, measured, limits=Limits(timeout_s=TIMEOUT_S), batching=Batching(), loop=loop)
    yield Client(server)
    server.close()


@pytest.mark.parametrize("batchable", [True, False])
def test_a_call_that_hangs_costs_nobody_more_than_a_deadline(batchable: bool) -> None:
    async def run() -> None:
        model = Hanging()
        async with serving(model, batchable) as client:
            for _ in range(2 * (SINGLES + RECHECK)):  # quick, whichever way requests go in
                with suppress(DeadlineExceeded):  # the machine may be busy
                    assert await client.ask(1) == [2]
            hung = asyncio.create_task(client.ask(HANGS))
            await asyncio.sleep(0)
            turns = 0
            neighbour = asyncio.create_task(client.ask(2))
            while not (hung.done() and neighbour.done()):
                turns += 1
                await asyncio.sleep(0)
            assert turns > 1, "the loop went on"
            for task in (hung, neighbour):
                assert isinstance(task.exception(), DeadlineExceeded)
            assert client.server.stuck_s() > 0, "the health check sees it"
            assert client.server.batch_on_loop() is None
            model.let_go.set()
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


def test_what_the_loop_is_in_is_seen_from_outside(rig: Make) -> None:
    seen: list[object] = []
    servers: list[Scheduler] = []

    def look(inputs: Tensors) -> Tensors:
        seen.append(servers[-1].batch_on_loop())
        return {"y": inputs["x"]}

    models = [FakeModel(look), FakeModel(look)]
    models[1].loop_safe = False
    for model in models:
        one = rig(model)
        servers.append(one.server)
        for _ in range(SINGLES + 2):
            number = one.submit(1)
            one.loop.settle()
            if number not in one.results:
                one.loop.turn_with_thread()
        assert one.server.batch_on_loop() is None
    half = len(seen) // 2
    assert None not in seen[:half]
    assert set(seen[half:]) == {None}
