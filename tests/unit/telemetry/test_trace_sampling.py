"""Which requests are traced."""

from collections.abc import Sequence

import pytest

from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry import trace_sampling as under_test
from modelyard.telemetry.trace_sampling import Traced, Tracing
from modelyard.telemetry.traceparent import TraceParent

LINE = RequestRecord(0.0, "id", "1", "predict", "ok", 1, 0.0, 0.0, 0.0, 1, 0)


def named(traced: Sequence[Traced]) -> list[str]:
    """In the place of what makes spans."""
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
    assert Tracing(share, named, draw=lambda: 0.5).wants(parent) is wanted


def test_what_was_noted_is_written_once() -> None:
    tracing, traced = Tracing(1.0, named), Traced(None, LINE, "OK", 0.0)
    tracing.note(traced)
    assert tracing.write() == [("trace 0", traced)]
    assert tracing.write() == []


def test_a_client_that_wants_everything_traced_gets_so_much_and_no_more() -> None:
    tracing = Tracing(0.0, named)
    for _ in range(3 * under_test.MOST_WAITING):
        if tracing.wants(caller(sampled=True)):
            tracing.note(Traced(caller(sampled=True), LINE, "OK", 0.0))
    assert len(tracing.write()) == under_test.MOST_WAITING
    assert tracing.wants(caller(sampled=True)), "there is room again"
