"""Requests whose clients trace them: every protocol forwards its `traceparent`, on the fast path and on the slow path."""

from collections.abc import Sequence

import numpy as np
import pytest
import requests
from websockets.sync.client import connect

from modelyard.config.model_spec import ModelSpec
from modelyard.replica.metrics import mark_traced, model_snapshot
from modelyard.telemetry.metrics.declarations import REQUEST_DURATION
from modelyard.telemetry.spans import SpanWriter
from modelyard.telemetry.trace_sampling import TracedRequest, TraceSampler
from modelyard.telemetry.traceparent import TraceParent
from tests.collector import Collector
from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.grpc_call import Call, call, framed
from tests.contract.replica import ONE, PREDICT
from tests.fakes import PATIENCE_S, FakeGenerator

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-00"
AT = 1_700_000_000.25
PARENT = TraceParent(int(TRACE_ID, 16), int(SPAN_ID, 16), sampled=True)
OIP = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.5]}]}'
GRPC = framed(
    "ModelInfer",
    model_name="doubler",
    inputs=[{"name": "x", "datatype": "FP32", "shape": [1, 1]}],
    raw_input_contents=[np.float32(1.5).tobytes()],
)


class Traces:
    """The requests that a server with the sample rate `share` traces."""

    def __init__(self, share: float = 0.0) -> None:
        self.written: list[TracedRequest] = []
        self.tracing = TraceSampler(share, self._write)

    def _write(self, traced: Sequence[TracedRequest]) -> list[str]:
        self.written += traced
        return ["" for _ in traced]

    def take(self, replica) -> list[TracedRequest]:
        """The spans of all requests."""
        replica.http_server.until(lambda: not replica.in_flight)
        replica.http_server.on_loop(self.tracing.flush)
        return self.written


@pytest.mark.parametrize(
    ("protocol", "path", "body"),
    [
        ("predict", PREDICT, ONE),
        ("oip", "/v2/models/doubler/infer", OIP),
        ("tfserving", "/v1/models/doubler:predict", ONE),
        ("invocations", "/models/doubler/invocations", b'{"instances": [[1.5]]}'),
    ],
)
def test_a_request_is_part_of_its_clients_trace(replica: Make, protocol: str, path: str, body: bytes) -> None:
    traces = Traces()
    rig = replica(tracing=traces.tracing)
    sent = request(path, body, traceparent=SAMPLED, x_request_id="mine", content_type="application/json")
    assert rig.fetch(sent).status == 200
    (traced,) = traces.take(rig)
    assert traced.parent == PARENT
    assert (traced.outcome, traced.record.protocol, traced.record.request_id) == ("OK", protocol, "mine")
    assert (traced.record.rows, traced.record.batch_rows, traced.record.body_bytes) == (1, 1, len(body))
    assert traced.queue_end_s is not None
    assert traced.record.queue_s <= traced.queue_end_s <= traced.record.total_s
    assert rig.by_fast_path == (rig.way == "fast path")


def test_it_is_known_when_a_request_came_to_the_edge(replica: Make) -> None:
    traces = Traces()
    rig = replica(tracing=traces.tracing)
    for path, body in ((PREDICT, ONE), ("/v2/models/doubler/infer", OIP)):
        rig.fetch(request(path, body, traceparent=SAMPLED, x_edge_start="1700000000250000"))
    rig.fetch(request(PREDICT, b"{", traceparent=SAMPLED, x_edge_start="1700000000500000"))
    rig.fetch(request(PREDICT, ONE, traceparent=SAMPLED))
    assert [traced.edge_at for traced in traces.take(rig)] == [AT, AT, AT + 0.25, None]


@pytest.mark.parametrize("traceparent", [UNSAMPLED, SAMPLED.upper(), SAMPLED[:-1], f"{SAMPLED}-x", "ff" + SAMPLED[2:]])
def test_an_unsampled_or_garbled_header_makes_no_trace(replica: Make, traceparent: str) -> None:
    traces = Traces(share=0.0)
    rig = replica(tracing=traces.tracing)
    assert rig.fetch(request(PREDICT, ONE, traceparent=traceparent)).status == 200
    assert traces.take(rig) == []


def test_requests_without_a_caller_or_with_a_garbled_header_are_sampled_at_random(replica: Make) -> None:
    traces = Traces(share=1.0)
    rig = replica(tracing=traces.tracing)
    for headers in ({}, {"traceparent": "00-garbled"}, {"traceparent": UNSAMPLED}):
        assert rig.fetch(request(PREDICT, ONE, **headers)).status == 200
    assert [traced.parent for traced in traces.take(rig)] == [None, None]


def test_a_rejected_request_is_traced_without_a_queue_span(replica: Make) -> None:
    traces = Traces()
    rig = replica(tracing=traces.tracing)
    assert rig.fetch(request(PREDICT, b"{", traceparent=SAMPLED)).status == 400
    (traced,) = traces.take(rig)
    assert (traced.parent, traced.outcome, traced.queue_end_s) == (PARENT, "InvalidRequest", None)


@pytest.mark.parametrize("way", ["fast path"], indirect=False)
def test_a_grpc_call_is_part_of_its_clients_trace(replica: Make) -> None:
    traces = Traces()
    rig = replica(tracing=traces.tracing)
    with rig.connect() as client:
        assert call(client, "ModelInfer", GRPC, traceparent=SAMPLED, x_edge_start="1700000000250000").status == 0
    (traced,) = traces.take(rig)
    assert (traced.parent, traced.record.protocol, traced.edge_at) == (PARENT, "grpc", AT)


@pytest.mark.parametrize("way", ["fast path"], indirect=False)
def test_the_questions_of_a_stream_are_part_of_its_clients_trace(replica: Make) -> None:
    traces = Traces()
    rig = replica(tracing=traces.tracing)
    with rig.connect() as client:
        stream = Call(client, "ModelStreamInfer", {"traceparent": SAMPLED, "x-edge-start": "1700000000250000"})
        stream.start()
        stream.head()
        stream.send(GRPC, GRPC)
        stream.end()
        assert len(stream.rest().messages) == 2
    # The start of the stream is not the start of its messages.
    assert [(traced.parent, traced.edge_at) for traced in traces.take(rig)] == [(PARENT, None)] * 2


@pytest.mark.parametrize("path", ["/models/doubler/ws", "/models/doubler/ws?stream=true"])
def test_the_messages_of_a_socket_are_part_of_the_trace_that_opened_it(replica: Make, path: str) -> None:
    traces = Traces()
    rig = replica(tracing=traces.tracing)
    url = f"ws://127.0.0.1:{rig.http_server.port}{path}"
    headers = {"traceparent": SAMPLED, "x-edge-start": "1700000000250000"}
    with connect(url, open_timeout=PATIENCE_S, proxy=None, additional_headers=headers) as socket:
        socket.send(ONE.decode())
        socket.recv(PATIENCE_S)
    (traced,) = traces.take(rig)
    assert (traced.parent, traced.record.protocol, traced.edge_at) == (PARENT, "websocket", None)


@pytest.mark.parametrize(
    ("protocol", "path"),
    [
        ("stream", "/models/doubler/stream"),
        ("generate", "/v2/models/doubler/generate"),
        ("generate", "/v2/models/doubler/generate_stream"),
    ],
)
def test_a_streamed_response_is_part_of_its_clients_trace(replica: Make, protocol: str, path: str) -> None:
    traces = Traces()
    rig = replica(FakeGenerator(2), tracing=traces.tracing)
    body = b'{"x": 1.5}' if protocol == "generate" else ONE
    url = f"http://127.0.0.1:{rig.http_server.port}{path}"
    assert requests.post(url, data=body, headers={"traceparent": SAMPLED}, timeout=PATIENCE_S).status_code == 200
    (traced,) = traces.take(rig)
    assert (traced.parent, traced.record.protocol, traced.outcome) == (PARENT, protocol, "OK")


def test_a_duration_that_was_counted_leads_to_its_trace_and_one_that_was_not_does_not(replica: Make) -> None:
    tracing = TraceSampler(0.0, lambda requests: [f"{number}" for number, _ in enumerate(requests)])
    rig = replica(tracing=tracing)
    for body in (b"{", ONE, b"{"):
        rig.fetch(request(PREDICT, body, traceparent=SAMPLED))
    rig.http_server.until(lambda: not rig.in_flight)
    mark_traced({3: rig.version}, rig.http_server.on_loop(tracing.flush))
    snapshot = model_snapshot(ModelSpec(name="doubler"), {3: rig.version})
    key = (REQUEST_DURATION.name, "doubler", "3")
    ((bucket, exemplar),) = snapshot.exemplars[key].items()
    assert exemplar.trace_id == "1"
    assert snapshot.totals.histograms[key].counts[bucket] == 1


def test_a_collector_gets_the_spans_of_a_request_over_http(replica: Make) -> None:
    with Collector() as collector:
        spans = SpanWriter("doubler", collector.url)
        tracing = TraceSampler(0.0, spans.write)
        rig = replica(tracing=tracing)
        assert rig.fetch(request(PREDICT, ONE, traceparent=SAMPLED)).status == 200
        assert rig.fetch(request(PREDICT, ONE)).status == 200
        rig.http_server.until(lambda: not rig.in_flight)
        rig.http_server.on_loop(tracing.flush)
        spans.close()
    result = collector.by_name
    assert set(result) == {"predict doubler", "queue", "compute"}
    assert {span.trace_id.hex() for span in result.values()} == {TRACE_ID}
    whole = result["predict doubler"]
    assert whole.parent_span_id.hex() == SPAN_ID
    for part in (result["queue"], result["compute"]):
        assert whole.start_time_unix_nano <= part.start_time_unix_nano
        assert part.end_time_unix_nano <= whole.end_time_unix_nano
