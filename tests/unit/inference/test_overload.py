"""Overload: accepted requests meet their deadlines, and the model runs at full throughput."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import Overloaded
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import Warmup
from modelyard.inference.worker import Job, Worker
from tests.fakes import FakeClock, FakeLoop, FakeModel, request_of, unrecorded

WARM_S = 5.0
"""Seconds until a queue has built up."""
LASTS_S = 60.0


class VirtualWorker(Worker):
    """Runs a job at once, and reports its end at the time that it would have taken."""

    def __init__(self, loop: FakeLoop, clock: FakeClock) -> None:
        super().__init__()
        self._loop, self._clock = loop, clock

    def do(self, job: Job) -> None:
        begun = self._clock.now
        job()  # which takes its time on the clock
        took, self._clock.now = self._clock.now - begun, begun
        self._loop.call_later(took, self._loop.turn_with_thread)


class Simulation:
    """One replica of a model, with random arrivals."""

    def __init__(self, seconds: Callable[[int], float], measured: Warmup, **limits: float) -> None:
        clock = FakeClock()
        self.clock, self.loop = clock, FakeLoop(clock)
        self.model = FakeModel(clock=clock, seconds=seconds)
        self.model.loop_safe = False
        self.scheduler = Scheduler(
            self.model,
            measured,
            limits=Limits.model_validate(limits),
            batching=Batching(),
            loop=self.loop,
            clock=clock,
            worker=VirtualWorker(self.loop, clock),
        )
        self.ends: Counter[str] = Counter()
        self.answered_at: list[float] = []
        self.retry_after_s: list[float] = []

    def come(self, rate: float, lasts_s: float = LASTS_S, seed: int = 0) -> None:
        """Send this many requests of one row per second, for this long."""
        draw = random.Random(seed)
        until = self.clock.now + lasts_s
        while self.clock.now < until:
            self.loop.advance(draw.expovariate(rate))
            try:
                self.scheduler.submit(request_of(1), unrecorded(), self._done)
            except Overloaded as error:
                self.ends["rejected"] += 1
                self.retry_after_s.append(error.retry_after_s)

    def _done(self, result: object) -> None:
        self.ends[type(result).__name__] += 1
        if isinstance(result, InferResponse):
            self.answered_at.append(self.clock.now)

    def goodput(self, since: float, until: float) -> float:
        """Responses per second."""
        return sum(since <= at < until for at in self.answered_at) / (until - since)


def by_rows(rows: int) -> float:
    """A batch saves nothing: 20 rows per second."""
    return 0.05 * rows


def by_calls(rows: int) -> float:
    """A batch saves nearly everything: 64 rows in 0.23 s."""
    return 0.1 + 0.002 * rows


BY_ROWS = Warmup(fixed_s=1e-4, per_row_s=0.05, batchable=True)
ONE_BY_ONE = Warmup(fixed_s=0.05, per_row_s=0.0, batchable=False)
BY_CALLS = Warmup(fixed_s=0.1, per_row_s=0.002, batchable=True)


@pytest.mark.parametrize("times", [3, 10])
@pytest.mark.parametrize("limits", [{}, {"queue": 64, "timeout_s": 2}, {"queue": 10_000, "timeout_s": 1}], ids=str)
@pytest.mark.parametrize(
    ("seconds", "measured", "peak"),
    [(by_rows, BY_ROWS, 20), (by_rows, ONE_BY_ONE, 20), (by_calls, BY_CALLS, 64 / 0.228)],
    ids=["each row costs", "one by one", "each call costs"],
)
def test_under_overload_accepted_requests_meet_their_deadlines_at_full_throughput(
    seconds: Callable[[int], float], measured: Warmup, peak: float, limits: dict[str, float], times: int
) -> None:
    one = Simulation(seconds, measured, **limits)
    begun = one.clock.now
    one.come(times * peak)
    assert one.goodput(begun + WARM_S, begun + LASTS_S) >= 0.95 * peak
    accepted = one.ends["InferResponse"] + one.ends["DeadlineExceeded"]
    assert one.ends["DeadlineExceeded"] <= accepted / 1000
    assert one.ends["rejected"] > accepted
    one.scheduler.close()
