"""What a request adds to the metrics, by its outcome."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from modelyard.inference.batch import Batch
from modelyard.inference.recorder import RequestContext
from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry.metrics.counters import VersionCounters
from modelyard.telemetry.metrics.declarations import (
    BATCH_SIZE,
    COMPUTE_DURATION,
    LOAD_DURATION,
    QUEUE_DURATION,
    REQUEST_DURATION,
    ROWS,
)
from modelyard.telemetry.metrics.snapshot import Totals
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.telemetry.request_recorder import RequestRecorder
from modelyard.telemetry.trace_sampling import TracedRequest, TraceSampler
from modelyard.telemetry.traceparent import TraceParent


class Counted:
    """The series of version 3 of `churn`, and a recorder of each of two protocols."""

    def __init__(self) -> None:
        log = RequestLog("churn", RequestLogConfig(Path("/nowhere"), 0.0))
        self.counts = VersionCounters("churn", "3", ("predict", "grpc"), load_s=0.7)
        self.predict, self.grpc = (RequestRecorder(self.counts, name, log) for name in ("predict", "grpc"))

    @property
    def totals(self) -> Totals:
        totals = Totals()
        self.counts.add_to(totals)
        return totals

    def requests(self) -> Mapping[tuple[str, ...], int]:
        """Code and protocol of each request."""
        counters = self.totals.counters
        return {key[3:]: count for key, count in counters.items() if key[0] == "inference_requests_total" and count}

    def observed(self, name: str) -> tuple[int, float]:
        """Count and sum of a histogram."""
        histogram = self.totals.histograms[(name, "churn", "3")]
        return sum(histogram.counts), histogram.nanos / 1e9


def origin(recorder: RequestRecorder, rows: int = 2) -> RequestContext:
    return RequestContext(recorder, 0.0, "id", 10, rows)


def test_an_answer_counts_under_its_protocol_with_its_rows_and_times() -> None:
    one = Counted()
    one.grpc.request_ended(origin(one.grpc), "OK", 0.5, 0.25, None)
    assert one.requests() == {("ok", "grpc"): 1}
    assert one.totals.counters[(ROWS.name, "churn", "3")] == 2
    assert one.observed(REQUEST_DURATION.name) == (1, 0.5)
    assert one.observed(QUEUE_DURATION.name) == (1, 0.25)
    assert one.observed(LOAD_DURATION.name) == (1, 0.7)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("Cancelled", "timeout"), ("DeadlineExceeded", "timeout"), ("InferenceFailed", "error"), ("KeyError", "error")],
)
def test_an_accepted_request_that_failed_has_a_duration_and_no_rows(outcome: str, code: str) -> None:
    one = Counted()
    one.predict.request_ended(origin(one.predict), outcome, 10.0, 10.0, None)
    assert one.requests() == {(code, "predict"): 1}
    assert one.totals.counters[(ROWS.name, "churn", "3")] == 0
    assert one.observed(REQUEST_DURATION.name) == (1, 10.0)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("InvalidRequest", "invalid"),
        ("Overloaded", "overloaded"),
        ("PayloadTooLarge", "invalid"),
        ("BodyTooSlow", "invalid"),
    ],
)
def test_a_rejected_request_has_no_duration(outcome: str, code: str) -> None:
    one = Counted()
    one.predict.request_rejected(origin(one.predict), outcome, 0.001)
    assert one.requests() == {(code, "predict"): 1}
    assert one.observed(REQUEST_DURATION.name) == (0, 0.0)


def test_a_batch_is_observed_for_its_version_whatever_the_protocol() -> None:
    one = Counted()
    one.grpc.batch_ended(5, 0.125)
    one.predict.batch_ended(1, 0.125)
    assert one.observed(COMPUTE_DURATION.name) == (2, 0.25)
    assert one.observed(BATCH_SIZE.name) == (2, 6.0)


def test_a_traced_request_is_recorded_with_the_times_of_its_batch() -> None:
    tracing = TraceSampler(0.0, lambda traced: ["trace" for _ in traced])
    log = RequestLog("churn", RequestLogConfig(Path("/nowhere"), 0.0), now=lambda: 1000.0)
    recorder = RequestRecorder(VersionCounters("churn", "3", ("predict",), 0.7), "predict", log, tracing)
    caller = (b"traceparent", b"00-%032x-%016x-01" % (7, 8))
    call = Batch([], started=103.0)
    call.rows, call.seconds = 4, 0.5
    recorder.request_ended(RequestContext(recorder, 100.0, "id", 10, 2, [caller]), "OK", 4.0, 2.5, call)
    recorder.request_ended(RequestContext(recorder, 100.0, "id", 10, 2), "InferenceFailed", 4.0, 2.5, call)
    line = RequestRecord(1000.0, "id", "3", "predict", "ok", 2, 2.5, 0.5, 4.0, 4, 10)
    assert tracing.flush() == [("trace", TracedRequest(TraceParent(7, 8, sampled=True), line, "OK", 3.0))]


def test_every_code_is_there_before_it_first_happens() -> None:
    """A series that appears with its first error has no rate until the second."""
    counters = Counted().totals.counters
    assert counters[("inference_requests_total", "churn", "3", "error", "predict")] == 0


def test_each_count_is_seen_as_a_change() -> None:
    one = Counted()
    origin_ = origin(one.predict)
    counts = (
        lambda: one.predict.request_ended(origin_, "OK", 0.5, 0.25, None),
        lambda: one.predict.request_rejected(origin_, "QueueFull", 0.1),
        lambda: one.grpc.batch_ended(2, 0.1),
    )
    for count in counts:
        one.counts.changed = False
        count()
        assert one.counts.changed
