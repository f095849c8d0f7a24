"""Measures the CPU time of recording one request in all metrics: `python -m benchmarks.metrics`.

One process, without tensors and sockets. It measures the most expensive case: a request alone in its batch, so that the request
and the model call are recorded.
"""

import time
from collections.abc import Callable
from pathlib import Path

from modelyard.inference.batch import Batch
from modelyard.inference.recorder import UNRECORDED, Recorder, RequestContext
from modelyard.telemetry.metrics.counters import VersionCounters
from modelyard.telemetry.metrics.declarations import PROTOCOLS
from modelyard.telemetry.metrics.snapshot import Totals
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.telemetry.request_recorder import RequestRecorder

REQUESTS = 200_000
ROUNDS = 7


def requests(recorder: Recorder, call: Batch) -> None:
    """Record requests as the scheduler does."""
    for _ in range(REQUESTS):
        context = RequestContext(recorder, 0.0, "id", 100)
        context.rows = 1
        recorder.batch_ended(1, 20e-6)
        context.recorder.request_ended(context, "OK", 700e-6, 15e-6, call)


def nothing() -> None:
    """The default action before and after a round."""


def best_ns(
    work: Callable[[], None], before: Callable[[], None] = nothing, after: Callable[[], None] = nothing
) -> float:
    """Nanoseconds of the fastest round."""
    best = float("inf")
    for _ in range(ROUNDS):
        before()
        started = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - started)
        after()
    return best


def main() -> None:
    counts = VersionCounters("iris", "1", PROTOCOLS, load_s=1.0)
    log = RequestLog("iris", RequestLogConfig(Path("/unused"), share=0.0))
    call = Batch.__new__(Batch)  # only these attributes are read
    call.rows, call.seconds, call.started = 1, 20e-6, 0.0

    def recorded() -> None:
        requests(RequestRecorder(counts, "predict", log), call)

    def snapshot() -> None:
        counts.add_to(Totals())

    on_path = best_ns(recorded, after=snapshot) / REQUESTS
    unrecorded = best_ns(lambda: requests(UNRECORDED, call)) / REQUESTS
    bucketing = best_ns(snapshot, before=recorded) / REQUESTS
    print(f"all series of one request: {on_path:.0f} ns, {unrecorded:.0f} of them for the calls of the recorder")
    print(f"sorting its observations into buckets, in the push thread: {bucketing:.0f} ns")
    print(f"a snapshot of an idle version: {best_ns(snapshot) / 1e3:.0f} us")


if __name__ == "__main__":
    main()
