"""Which requests are traced."""

import pytest

from deployments.protocols.traceparent import TraceParent
from deployments.replica import tracing as under_test
from deployments.replica.request_log import Line
from deployments.replica.tracing import Traced, Tracing

LINE = Line(0.0, "id", "1", "predict", "ok", 1, 0.0, 0.0, 0.0, 1, 0)


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
    assert Tracing(share, list, draw=lambda: 0.5).wants(parent) is wanted


def test_what_was_noted_is_written_once() -> None:
    written: list[Traced] = []
    tracing = Tracing(1.0, written.extend)
    tracing.note(Traced(None, LINE, "OK", 0.0))
    tracing.write()
    tracing.write()
    assert [traced.line for traced in written] == [LINE]


def test_a_client_that_wants_everything_traced_gets_so_much_and_no_more() -> None:
    written: list[Traced] = []
    tracing = Tracing(0.0, written.extend)
    for _ in range(3 * under_test.MOST_WAITING):
        if tracing.wants(caller(sampled=True)):
            tracing.note(Traced(caller(sampled=True), LINE, "OK", 0.0))
    tracing.write()
    assert len(written) == under_test.MOST_WAITING
    assert tracing.wants(caller(sampled=True)), "there is room again"
