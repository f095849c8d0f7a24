"""The spans of ended requests that a collector receives."""

import socket

import pytest

from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry.spans import SpanWriter
from modelyard.telemetry.trace_sampling import TracedRequest
from modelyard.telemetry.traceparent import TraceParent
from tests.collector import Collector

PARENT = TraceParent(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, sampled=True)
AT = 1_700_000_000.0
LINE = RequestRecord(AT, "r-1", "3", "predict", "ok", 2, 0.25, 0.125, 0.5, 8, 40)


def test_each_request_is_logged_with_the_id_of_its_trace() -> None:
    with Collector() as collector:
        spans = SpanWriter("iris", collector.url)
        traced = TracedRequest(PARENT, LINE, "OK", queue_end_s=0.3)
        result, own = spans.write([traced, traced._replace(parent=None)])
        spans.close()
    assert result == f"{PARENT.trace_id:032x}"
    assert {span.trace_id.hex() for span in collector.spans} == {result, own}


def collected(*requests: TracedRequest) -> Collector:
    with Collector() as collector:
        spans = SpanWriter("iris", collector.url)
        spans.write(requests)
        spans.close()
    return collector


def test_a_request_is_a_span_of_its_clients_trace_with_the_wait_and_the_call_in_it() -> None:
    collector = collected(TracedRequest(PARENT, LINE, "OK", queue_end_s=0.3))
    spans = collector.by_name
    request, queue, compute = (spans[name] for name in ("predict iris", "queue", "compute"))
    assert {span.trace_id.hex() for span in spans.values()} == {f"{PARENT.trace_id:032x}"}
    assert request.parent_span_id.hex() == f"{PARENT.span_id:016x}"
    assert (queue.parent_span_id, compute.parent_span_id) == (request.span_id, request.span_id)
    assert request.kind == request.SPAN_KIND_SERVER
    assert collector.services == {"modelyard"}
    assert collector.paths == {"/v1/traces"}


def test_spans_lie_where_the_time_went() -> None:
    spans = collected(TracedRequest(PARENT, LINE, "OK", queue_end_s=0.3)).by_name
    arrived = AT - 0.5
    times = {
        name: (round(span.start_time_unix_nano / 1e9 - arrived, 6), round(span.end_time_unix_nano / 1e9 - arrived, 6))
        for name, span in spans.items()
    }
    assert times == {"predict iris": (0.0, 0.5), "queue": (0.05, 0.3), "compute": (0.3, 0.425)}


def test_a_request_begins_when_it_came_to_the_edge() -> None:
    spans = collected(TracedRequest(PARENT, LINE, "OK", queue_end_s=0.3, edge_at=AT - 0.75)).by_name
    request, edge, queue = (spans[name] for name in ("predict iris", "edge", "queue"))
    assert edge.parent_span_id == request.span_id
    assert edge.start_time_unix_nano == request.start_time_unix_nano == round((AT - 0.75) * 1e9)
    assert edge.end_time_unix_nano == round((AT - 0.5) * 1e9), "its arrival in the replica"
    assert edge.end_time_unix_nano <= queue.start_time_unix_nano


@pytest.mark.parametrize("edge_at", [None, AT - 0.4, AT - 1000.0], ids=["unknown", "too late", "too early"])
def test_the_time_of_an_edge_with_a_wrong_clock_is_ignored(edge_at: float | None) -> None:
    spans = collected(TracedRequest(PARENT, LINE, "OK", queue_end_s=0.3, edge_at=edge_at)).by_name
    assert set(spans) == {"predict iris", "queue", "compute"}
    assert spans["predict iris"].start_time_unix_nano == round((AT - 0.5) * 1e9)


@pytest.mark.parametrize(("seconds", "is_used"), [(119.9, True), (120.1, False)])
def test_a_request_was_at_the_edge_for_at_most_two_minutes(seconds: float, is_used: bool) -> None:
    arrived = AT - 0.5
    spans = collected(TracedRequest(PARENT, LINE, "OK", queue_end_s=0.3, edge_at=arrived - seconds)).by_name
    assert ("edge" in spans) is is_used


def test_a_span_has_the_attributes_of_the_request() -> None:
    spans = collected(TracedRequest(PARENT, LINE, "OK", queue_end_s=0.3)).by_name
    result = {each.key: each.value.string_value or each.value.int_value for each in spans["predict iris"].attributes}
    assert result == {
        "modelyard.request_id": "r-1",
        "modelyard.model": "iris",
        "modelyard.version": "3",
        "modelyard.protocol": "predict",
        "modelyard.code": "ok",
        "modelyard.rows": 2,
        "modelyard.bytes": 40,
    }
    (rows,) = spans["compute"].attributes
    assert (rows.key, rows.value.int_value) == ("modelyard.batch_rows", 8)


def test_a_request_without_a_caller_begins_a_trace_of_its_own() -> None:
    collector = collected(*[TracedRequest(None, LINE, "OK", queue_end_s=0.3)] * 2)
    roots = [span for span in collector.spans if span.name == "predict iris"]
    assert [span.parent_span_id for span in roots] == [b"", b""]
    assert len({span.trace_id for span in roots}) == 2
    assert len(collector.spans) == 6


@pytest.mark.parametrize(
    ("outcome", "code", "failed"),
    [
        ("InferenceFailed", "error", True),
        ("DeadlineExceeded", "timeout", True),
        ("Overloaded", "overloaded", True),
        ("InvalidRequest", "invalid", False),
    ],
)
def test_what_is_the_servers_fault_is_an_error_with_its_name(outcome: str, code: str, failed: bool) -> None:
    line = LINE._replace(code=code, batch_rows=0)
    (request,) = collected(TracedRequest(PARENT, line, outcome, queue_end_s=None)).spans
    assert (request.status.code == request.status.STATUS_CODE_ERROR) is failed
    assert request.status.message == (outcome if failed else "")


def test_a_request_that_no_call_answered_waited_to_its_end() -> None:
    line = LINE._replace(code="timeout", queue_s=0.4, batch_rows=0)
    spans = collected(TracedRequest(PARENT, line, "DeadlineExceeded", queue_end_s=0.5)).by_name
    assert set(spans) == {"predict iris", "queue"}
    assert spans["queue"].end_time_unix_nano == spans["predict iris"].end_time_unix_nano


def test_no_request_waits_for_a_collector_that_does_not_respond() -> None:
    """Accepts connections and never responds: a test that waited for it would fail."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spans = SpanWriter(
            "iris", f"http://127.0.0.1:{silent.getsockname()[1]}", send_timeout_s=600, close_timeout_s=0.05
        )
        spans.write([TracedRequest(PARENT, LINE, "OK", queue_end_s=0.3)] * 200)
        spans.close()
