"""Simulated processes that push."""

from dataclasses import dataclass, field

from modelyard.telemetry.metrics.declarations import BATCH_SIZE, IN_FLIGHT, READY, REQUESTS
from modelyard.telemetry.metrics.snapshot import Exemplars, Histogram, MetricsSnapshot, Push, Totals

OK = (REQUESTS.name, "churn", "1", "ok", "predict")
BATCHES = (BATCH_SIZE.name, "churn", "1")
IN_FLIGHT_KEY = (IN_FLIGHT.name, "churn", "1")
READY_KEY = (READY.name, "churn", "1")


def totals_of(requests: int) -> Totals:
    """The totals of a process after this number of requests, each in a batch of one row."""
    buckets = (requests, *[0] * len(BATCH_SIZE.buckets))
    return Totals({OK: requests}, {BATCHES: Histogram(buckets, requests * 10**9)})


@dataclass
class Process:
    """A serving process. Tests decide when it pushes."""

    name: str
    requests: int = 0
    number: int = 0
    acknowledged: bool = False
    gauges: dict[tuple[str, ...], float] = field(default_factory=dict)
    exemplars: Exemplars = field(default_factory=dict)

    def push(self, *, final: bool = False) -> Push:
        """Its next push. Tests decide whether it arrives."""
        self.number += 1
        snapshot = MetricsSnapshot(totals_of(self.requests), self.gauges, self.exemplars)
        return Push(self.name, self.number, self.acknowledged, final, snapshot)
