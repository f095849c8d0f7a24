"""Which requests are traced."""

from collections.abc import Sequence

import pytest

from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry import trace_sampling as under_test
from modelyard.telemetry.trace_sampling import TracedRequest, TraceSampler
from modelyard.telemetry.traceparent import TraceParent

LINE = RequestRecord(0.0, "id", "1", "predict", "ok", 1, 0.0, 0.0, 0.0, 1, 0)


def named(traced: Sequence[TracedRequest]) -> list[str]:
    """A replacement for the exporter of spans."""
    return [f"trace {number}" for number, _ in enumerate(traced)]


def caller(*, sampled: bool) -> TraceParent:
    return TraceParent(1, 2, sampled)


@pytest.mark.parametrize(
    ("parent", "share", "wanted"),
    [
        (caller(sampled=True), 0.0, True),
        (caller(sampled=False), 1.0, False),
        (None, 0.6, True),
        (None, 0.5, False),
        (None, 0.0, False),
    ],
)
def test_the_caller_decides_and_else_chance(parent: TraceParent | None, share: float, wanted: bool) -> None:
    assert TraceSampler(share, named, random_value=lambda: 0.5).should_trace(parent) is wanted


def test_what_was_noted_is_written_once() -> None:
    tracing, traced = TraceSampler(1.0, named), TracedRequest(None, LINE, "OK", 0.0)
    tracing.add(traced)
    assert tracing.flush() == [("trace 0", traced)]
    assert tracing.flush() == []


def test_a_client_that_requests_traces_of_everything_is_limited() -> None:
    tracing = TraceSampler(0.0, named)
    for _ in range(3 * under_test.MAX_PENDING_REQUESTS):
        if tracing.should_trace(caller(sampled=True)):
            tracing.add(TracedRequest(caller(sampled=True), LINE, "OK", 0.0))
    assert len(tracing.flush()) == under_test.MAX_PENDING_REQUESTS == 500
    assert tracing.should_trace(caller(sampled=True)), "there is room after a flush"
