"""Simulated processes that push."""

from dataclasses import dataclass, field

from modelyard.telemetry.metrics.declarations import BATCH_SIZE, IN_FLIGHT, READY, REPLICA_STARTS, REQUESTS
from modelyard.telemetry.metrics.snapshot import (
    Exemplars,
    Histogram,
    MetricsSnapshot,
    Parts,
    Push,
    Totals,
    changes,
    complete,
)

OK = (REQUESTS.name, "churn", "1", "ok", "predict")
BATCHES = (BATCH_SIZE.name, "churn", "1")
IN_FLIGHT_KEY = (IN_FLIGHT.name, "churn", "1")
STARTS = (REPLICA_STARTS.name, "churn", "deploy")
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
    has_idle_part: bool = False
    """Whether it has metrics that never change, too."""
    pushed: tuple[int, Parts] | None = None
    """The number and the metrics of the last push, if the hub has stored it."""

    def parts(self) -> Parts:
        """Its metrics."""
        parts = {"busy": MetricsSnapshot(totals_of(self.requests), self.gauges, self.exemplars)}
        return {**parts, "idle": MetricsSnapshot(Totals({STARTS: 1}), {})} if self.has_idle_part else parts

    def push(self, *, final: bool = False) -> Push:
        """Its next push, of all metrics. Tests decide whether it arrives."""
        self.number += 1
        return Push(self.name, self.number, self.acknowledged, final, complete(self.parts()))

    def update(self, *, final: bool = False) -> Push:
        """Its next push, of what has changed since the last one that was stored."""
        base, before = self.pushed or (0, {})
        self.number += 1
        update, gone = changes(before, self.parts())
        return Push(self.name, self.number, self.acknowledged, final, update, 0, base, gone)

    def stored(self) -> None:
        """The hub has stored the last push."""
        self.acknowledged, self.pushed = True, (self.number, self.parts())
