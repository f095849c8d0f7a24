"""Processes that push, as tests need them."""

from dataclasses import dataclass, field

from modelyard.telemetry.metrics.declarations import BATCH_SIZE, IN_FLIGHT, READY, REQUESTS
from modelyard.telemetry.metrics.snapshot import Exemplars, Histogram, Push, Snapshot, Totals

OK = (REQUESTS.name, "churn", "1", "ok", "predict")
BATCHES = (BATCH_SIZE.name, "churn", "1")
FLYING = (IN_FLIGHT.name, "churn", "1")
IS_READY = (READY.name, "churn", "1")


def totals_of(requests: int) -> Totals:
    """Of a process that has answered so many requests, each in a call of one row."""
    buckets = (requests, *[0] * len(BATCH_SIZE.buckets))
    return Totals({OK: requests}, {BATCHES: Histogram(buckets, requests * 10**9)})


@dataclass
class Process:
    """One that serves, and pushes when told to."""

    name: str
    requests: int = 0
    number: int = 0
    known: bool = False
    gauges: dict[tuple[str, ...], float] = field(default_factory=dict)
    exemplars: Exemplars = field(default_factory=dict)

    def push(self, *, final: bool = False) -> Push:
        """What it sends now; whether that arrives is the test's."""
        self.number += 1
        snapshot = Snapshot(totals_of(self.requests), self.gauges, self.exemplars)
        return Push(self.name, self.number, self.known, final, snapshot)
