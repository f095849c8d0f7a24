"""Traced requests on a real server: a real collector gets spans that begin in HAProxy."""

import json
import socket
import time
import uuid
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc

from tests.collector import Collector
from tests.serve.project import Server

BODY = {"instances": [4]}
PARENT = "00f067aa0ba902b7"
SLOWLY_S = 0.4
CLOCK_NS = 50_000_000
"""How far HAProxy's clock may be behind: HAProxy reads it when it wakes."""
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


class Trace:
    """The requests of one client with its own trace id."""

    def __init__(self, server: Server, collector: Collector) -> None:
        self._server = server
        self._collector = collector
        self.id = uuid.uuid4().hex
        self.header = f"00-{self.id}-{PARENT}-01"

    def spans(self, names: Sequence[str]) -> dict[str, Any]:
        """Spans by name, when these have arrived. There must be no others, and each must be within the first."""
        self._server.wait_for(lambda: len(self._own()) >= len(names), what=f"spans {names}")
        spans = {span.name: span for span in self._own()}
        assert sorted(span.name for span in self._own()) == sorted(names)
        root = spans[names[0]]
        assert root.parent_span_id.hex() == PARENT
        for name in names[1:]:
            span = spans[name]
            assert span.parent_span_id == root.span_id
            assert root.start_time_unix_nano <= span.start_time_unix_nano
            assert span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
        return spans

    def _own(self) -> list[Any]:
        return [span for span in self._collector.spans if span.trace_id.hex() == self.id]


@pytest.fixture
def trace(server: Server, collector: Collector) -> Trace:
    return Trace(server, collector)


def check_order(spans: dict[str, Any], root: str, sent: int) -> None:
    """The parts of a request are in order. `sent` is when its client began, in ns since 1970."""
    whole, parts = spans[root], [spans[name] for name in ("edge", "queue", "compute")]
    assert parts[0].start_time_unix_nano == whole.start_time_unix_nano
    for before, after in pairwise(parts):
        assert before.end_time_unix_nano <= after.start_time_unix_nano
    assert sent - CLOCK_NS <= whole.start_time_unix_nano
    assert whole.end_time_unix_nano <= time.time_ns()


def test_a_rest_request_is_traced_from_the_edge_to_its_response(server: Server, trace: Trace) -> None:
    sent = time.time_ns()
    # The edge's time in a client's header is ignored.
    response = server.predict("echo", BODY, headers={"traceparent": trace.header, "x-edge-start": "17"})
    assert response.status_code == 200
    spans = trace.spans(["predict echo", "edge", "queue", "compute"])
    check_order(spans, "predict echo", sent)
    result = {each.key: each.value.string_value for each in spans["predict echo"].attributes}
    assert result["modelyard.request_id"] == response.headers["x-request-id"]

    def shown() -> bool:
        metrics = f"http://127.0.0.1:{server.project.metrics_port}/metrics"
        return trace.id in server.http.get(metrics, headers=OPENMETRICS, timeout=10).text

    server.wait_for(shown, what="the trace at its bucket in the metrics")


def test_a_grpc_call_is_traced_from_the_edge_to_its_response(server: Server, trace: Trace) -> None:
    sent = time.time_ns()
    tensor = tritonclient.grpc.InferInput("x", [1], "FP64")
    tensor.set_data_from_numpy(np.array([4.0]))
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.project.grpc_port}") as client:
        client.infer("echo", [tensor], headers={"traceparent": trace.header, "x-edge-start": "17"})
    check_order(trace.spans(["grpc echo", "edge", "queue", "compute"]), "grpc echo", sent)


def test_the_slow_sending_of_a_client_is_in_the_edge_span(server: Server, trace: Trace) -> None:
    body = json.dumps(BODY).encode()
    head = f"POST /models/echo/predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\ntraceparent: {trace.header}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.project.port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:5])
        time.sleep(SLOWLY_S)  # which is what is tested
        connection.sendall(body[5:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    edge = trace.spans(["predict echo", "edge", "queue", "compute"])["edge"]
    assert edge.end_time_unix_nano - edge.start_time_unix_nano > (SLOWLY_S - 0.1) * 1e9


def test_a_rejected_request_has_only_the_edge_span(server: Server, trace: Trace) -> None:
    refused = server.predict("echo", {"instances": [[4, 5]]}, headers={"traceparent": trace.header})
    assert refused.status_code == 400
    trace.spans(["predict echo", "edge"])


def test_only_requests_that_clients_sample_are_traced(server: Server, trace: Trace, collector: Collector) -> None:
    unsampled = uuid.uuid4().hex
    for headers in ({"traceparent": f"00-{unsampled}-{PARENT}-00"}, {}, {"traceparent": trace.header}):
        assert server.predict("echo", BODY, headers=headers).status_code == 200
    trace.spans(["predict echo", "edge", "queue", "compute"])
    assert unsampled not in {span.trace_id.hex() for span in collector.spans}
    # The sample rate is 0 here: every trace has a caller.
    assert all(span.parent_span_id for span in collector.spans)
