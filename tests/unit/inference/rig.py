"""A scheduler on a fake event loop and a fake clock."""

from collections.abc import Callable

import numpy as np

from modelyard.errors import ModelyardError
from modelyard.inference.batch import Batch
from modelyard.inference.pending_request import InferResponse, PendingRequest
from modelyard.inference.recorder import RequestContext
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import Warmup
from modelyard.tensors import InferRequest
from tests.fakes import FakeClock, FakeLoop, FakeModel, request_of

CHEAP = Warmup(fixed_s=20e-6, per_row_s=1e-6, batchable=True)
"""Runs on the loop."""
EXPENSIVE = Warmup(fixed_s=50e-3, per_row_s=1e-3, batchable=True)
"""Runs in the worker."""


class Records:
    """Stores what is recorded: outcome, rows, queue_s, compute_s and batch_rows of each request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, int, float, float, int]] = []
        self.totals_s: list[float] = []
        self.calls: list[tuple[int, float]] = []

    def request_ended(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float, batch: Batch | None
    ) -> None:
        compute_s, batch_rows = (batch.seconds, batch.rows) if batch else (0.0, 0)
        self.requests.append((outcome, context.rows, queue_s, compute_s, batch_rows))
        self.totals_s.append(total_s)

    def request_rejected(self, context: RequestContext, outcome: str, total_s: float) -> None:
        self.requests.append((outcome, context.rows, 0.0, 0.0, 0))
        self.totals_s.append(total_s)

    def batch_ended(self, rows: int, seconds: float) -> None:
        self.calls.append((rows, seconds))


class Rig:
    """A scheduler of `model`. `results` has the result of each request by its number, in the order of completion."""

    def __init__(
        self, model: FakeModel, clock: FakeClock, scheduler: Scheduler, loop: FakeLoop, recorder: Records
    ) -> None:
        self.model = model
        self.clock = clock
        self.loop = loop
        self.scheduler = scheduler
        self.results: dict[int, InferResponse | ModelyardError] = {}
        self.completed_twice = False
        self.pending: list[PendingRequest] = []
        self.recorder = recorder

    @property
    def records(self) -> list[tuple[str, int, float, float, int]]:
        """All requests that have ended so far."""
        return self.recorder.requests

    def submit(self, *values: float, request: InferRequest | None = None) -> int:
        """Submit one row per value; returns the number of the request."""
        number = len(self.pending)

        def done(result: InferResponse | ModelyardError) -> None:
            self.completed_twice |= number in self.results
            self.results[number] = result

        self.pending.append(self.scheduler.submit(request or request_of(*values), self.context(), done))
        return number

    def context(self) -> RequestContext:
        """The context of a request, with the recorder of this rig."""
        return self.scheduler.open_requests.context(self.recorder)

    def submit_each(self, *values: float) -> list[int]:
        """Submit one request per value."""
        return [self.submit(value) for value in values]

    def values(self, number: int) -> list[float]:
        """The outputs for this request."""
        result = self.results[number]
        assert isinstance(result, InferResponse), result
        values: list[float] = np.ravel(result.outputs["y"]).tolist()
        return values

    def kinds(self) -> list[str]:
        """The type of each result, by number."""
        return [type(self.results[number]).__name__ for number in sorted(self.results)]


Make = Callable[..., Rig]


def held(rig: Make, measured: Warmup = EXPENSIVE, **options: float) -> Rig:
    """A scheduler whose worker holds request 0."""
    one = rig(measured=measured, **options)
    one.model.hold()
    one.submit(0)
    one.loop.settle()
    one.model.entered()
    return one
