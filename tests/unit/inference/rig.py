"""A model server on a loop and a clock that the test turns by hand."""

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
DEAR = Warmup(fixed_s=50e-3, per_row_s=1e-3, batchable=True)
"""Runs in the worker."""


class Records:
    """A recorder that keeps what it is told: outcome, rows, queue_s, compute_s, batch_rows of each request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, int, float, float, int]] = []
        self.totals_s: list[float] = []
        self.calls: list[tuple[int, float]] = []

    def request_ended(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float, call: Batch | None
    ) -> None:
        compute_s, batch_rows = (call.seconds, call.rows) if call else (0.0, 0)
        self.requests.append((outcome, context.rows, queue_s, compute_s, batch_rows))
        self.totals_s.append(total_s)

    def request_rejected(self, context: RequestContext, outcome: str, total_s: float) -> None:
        self.requests.append((outcome, context.rows, 0.0, 0.0, 0))
        self.totals_s.append(total_s)

    def batch_ended(self, rows: int, seconds: float) -> None:
        self.calls.append((rows, seconds))


class Rig:
    """A server of `model`; what became of each request is in `results`, by its number, in the order of the answers."""

    def __init__(
        self, model: FakeModel, clock: FakeClock, server: Scheduler, loop: FakeLoop, recorder: Records
    ) -> None:
        self.model = model
        self.clock = clock
        self.loop = loop
        self.server = server
        self.results: dict[int, InferResponse | ModelyardError] = {}
        self.answered_again = False
        self.tickets: list[PendingRequest] = []
        self.recorder = recorder

    @property
    def records(self) -> list[tuple[str, int, float, float, int]]:
        """Every request that has ended so far."""
        return self.recorder.requests

    def submit(self, *values: float, request: InferRequest | None = None) -> int:
        """Submit one row a value; gives the request's number."""
        number = len(self.tickets)

        def done(result: InferResponse | ModelyardError) -> None:
            self.answered_again |= number in self.results
            self.results[number] = result

        self.tickets.append(self.server.submit(request or request_of(*values), self.context(), done))
        return number

    def context(self) -> RequestContext:
        """Of a request that this rig's recorder records."""
        return self.server.open_requests.context(self.recorder)

    def submit_each(self, *values: float) -> list[int]:
        """One request a value."""
        return [self.submit(value) for value in values]

    def values(self, number: int) -> list[float]:
        """What the model gave for this request."""
        answer = self.results[number]
        assert isinstance(answer, InferResponse), answer
        values: list[float] = np.ravel(answer.outputs["y"]).tolist()
        return values

    def kinds(self) -> list[str]:
        """What became of each request, by number."""
        return [type(self.results[number]).__name__ for number in sorted(self.results)]


Make = Callable[..., Rig]
