"""Which requests a model accepts: those that its queue has room for, and that it can probably answer before their deadline."""

import math

from modelyard.inference.batch import Batch
from modelyard.inference.cost import BatchCost
from modelyard.inference.queue import RequestQueue

MAX_RETRY_AFTER_S = 30
ADMITTED_SHARE = 0.8
"""A request is accepted if its estimated response time is within this share of its timeout: batches vary in duration."""


class Admission:
    """Decides over the queue as it is, by what batches have cost so far."""

    def __init__(self, queue: RequestQueue, cost: BatchCost) -> None:
        self._queue = queue
        self._cost = cost

    def configure(self, *, max_queued: int, timeout_s: float, max_rows: int) -> None:
        """Set the limits, before the first decision and at each change. `max_rows` is the largest batch; 0 forbids sharing one."""
        self._max_queued = max_queued
        self._timeout_s = timeout_s
        self._max_rows = max_rows

    def is_full(self) -> bool:
        """Whether the queue has no room."""
        return self._queue.count >= self._max_queued

    def reason_to_reject(self, rows: int, running: Batch | None, running_s: float) -> str:
        """Why a request of so many rows is rejected, "" if it is accepted. `running` has run for `running_s`."""
        if self.is_full():
            return f"the queue is full: {self._queue.count} requests are waiting"
        if running is not None and self.response_s(rows, running, running_s) > ADMITTED_SHARE * self._timeout_s:
            return "the queued requests already need as long as the timeout allows"
        return ""

    def retry_after_s(self, running: Batch | None, running_s: float) -> int:
        """Seconds after which the requests that wait are probably answered."""
        return min(MAX_RETRY_AFTER_S, max(1, math.ceil(self.response_s(0, running, running_s))))

    def response_s(self, rows: int, running: Batch | None, running_s: float) -> float:
        """Estimated seconds until a further request of so many rows is answered, behind the queue; 0 rows: the queue alone."""
        batches = self._queue.count + bool(rows)
        rows += self._queue.rows
        if self._max_rows:
            batches = min(batches, math.ceil(rows / self.rows_within(self._timeout_s / 2)))
        if running is None:
            return self._cost.of(rows, batches)
        expected_s = self._cost.of(running.rows)
        left_s = expected_s - running_s if running_s < expected_s else running_s  # a late one: as long again
        return left_s + self._cost.of(rows, batches)

    def rows_within(self, seconds: float) -> int:
        """How many rows a batch may have to end within this time; at least 1."""
        return int(min(self._max_rows, max(1, self._cost.rows_within(seconds))))
