"""What metrics cost a request: `python -m benchmarks.metrics`. Nanoseconds of CPU for all series of one request together.

A request that has its call to itself is the dearest: it is recorded, and so is its call. No tensors, no sockets, one process.
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
    """As the model server and its open_requests tell of them."""
    for _ in range(REQUESTS):
        context = RequestContext(recorder, 0.0, "id", 100)
        context.rows = 1
        recorder.called(1, 20e-6)
        context.recorder.ended(context, "OK", 700e-6, 15e-6, call)


def nothing() -> None:
    """What is done before and after a round by itself."""


def best_ns(
    work: Callable[[], None], before: Callable[[], None] = nothing, after: Callable[[], None] = nothing
) -> float:
    """Nanoseconds of the quickest round."""
    best = float("inf")
    for _ in range(ROUNDS):
        before()
        begun = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - begun)
        after()
    return best


def main() -> None:
    counts = VersionCounters("iris", "1", PROTOCOLS, load_s=1.0)
    log = RequestLog("iris", RequestLogConfig(Path("/nowhere"), share=0.0))
    call = Batch.__new__(Batch)  # its times are all that anybody looks at
    call.rows, call.seconds, call.started = 1, 20e-6, 0.0

    def recorded() -> None:
        requests(RequestRecorder(counts, "predict", log), call)

    def snapshot() -> None:
        counts.add_to(Totals())

    on_path = best_ns(recorded, after=snapshot) / REQUESTS
    told = best_ns(lambda: requests(UNRECORDED, call)) / REQUESTS
    sorted_in = best_ns(snapshot, before=recorded) / REQUESTS
    print(f"all series of one request: {on_path:.0f} ns, {told:.0f} of them to say what is to be recorded")
    print(f"sorting it into buckets, in the pushing thread: {sorted_in:.0f} ns")
    print(f"a snapshot of a version where nothing has happened: {best_ns(snapshot) / 1e3:.0f} us")


if __name__ == "__main__":
    main()
