"""A scheduler on a fake event loop and a fake clock."""

from collections.abc import Iterator
from typing import Any

import pytest

from modelyard.config.model_spec import Batching, Limits
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import Warmup
from tests.fakes import FakeClock, FakeLoop, FakeModel
from tests.unit.inference.rig import CHEAP, Make, Records, Rig


@pytest.fixture
def rig() -> Iterator[Make]:
    """Make a Rig: `rig(model, measured, queue=..., timeout_s=..., max_size=..., max_delay_ms=...)`."""
    made: list[Rig] = []

    def make(
        model: FakeModel | None = None,
        measured: Warmup = CHEAP,
        *,
        clock: FakeClock | None = None,
        queue: int = 256,
        timeout_s: float = 10,
        **batching: Any,
    ) -> Rig:
        model = model or FakeModel()
        clock = clock or FakeClock()
        loop, recorder = FakeLoop(clock), Records()
        scheduler = Scheduler(
            model,
            measured,
            limits=Limits(queue=queue, timeout_s=timeout_s),
            batching=Batching(**batching),
            loop=loop,
            clock=clock,
            recorder=recorder,
        )
        made.append(Rig(model, clock, scheduler, loop, recorder))
        return made[-1]

    yield make
    for one in made:
        one.scheduler.close()
        assert not one.completed_twice, "complete is called once"
        one.model.release()
