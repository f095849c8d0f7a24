"""Sends spans of completed requests to a collector by OTLP over HTTP. Only this module imports OpenTelemetry.

A request is one span of kind "server" with up to three children: `edge`, from its arrival at HAProxy until the replica has received
it completely; `queue`, from its acceptance to the start of its model call; and `compute`, the model call. The SDK sends them from
its own thread. If the collector is unavailable, the SDK retries for a while and then drops them.
"""

from collections.abc import Sequence
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    format_trace_id,
    set_span_in_context,
)

from modelyard.telemetry.trace_sampling import TracedRequest
from modelyard.telemetry.traceparent import TraceParent

NON_ERROR_CODES = frozenset(("ok", "invalid"))
"""Codes whose spans have no error status. OpenTelemetry's conventions: a client's mistake is not an error of the server span."""
TRACES_PATH = "/v1/traces"
SEND_TIMEOUT_S = 5.0
"""Maximum duration of sending a batch, including retries."""
CLOSE_TIMEOUT_S = 5.0
"""Maximum duration of sending the last spans when the replica stops."""
SEND_INTERVAL_MS = 1000
MAX_EDGE_NS = 120 * 10**9
"""Longer than any body upload or wait for a model that is scaled to zero."""
MAX_QUEUED_SPANS, MAX_BATCH_SPANS = 4096, 512
"""A request has up to four spans. Spans that exceed the queue are dropped."""


class SpanWriter:
    """Makes and sends the spans of one model in one replica."""

    def __init__(
        self,
        model: str,
        endpoint: str,
        *,
        send_timeout_s: float = SEND_TIMEOUT_S,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
    ) -> None:
        """`endpoint` is the collector's URL without the path."""
        self._model = model
        self._close_timeout_s = close_timeout_s
        self._exporter = OTLPSpanExporter(endpoint.rstrip("/") + TRACES_PATH, timeout=send_timeout_s)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create({SERVICE_NAME: "modelyard"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter,
                max_queue_size=MAX_QUEUED_SPANS,
                schedule_delay_millis=SEND_INTERVAL_MS,
                max_export_batch_size=MAX_BATCH_SPANS,
            )
        )
        self._tracer = self._provider.get_tracer("modelyard")

    def write(self, requests: Sequence[TracedRequest]) -> list[str]:
        """Queue the spans of these requests for sending. Returns the trace id of each request."""
        return [self._write(traced) for traced in requests]

    def close(self) -> None:
        """Send the queued spans. Gives up after `close_timeout_s`."""
        # The SDK itself would wait for half a minute.
        closing = Thread(target=self._provider.shutdown, name="modelyard-traces-close", daemon=True)
        closing.start()
        closing.join(self._close_timeout_s)
        if closing.is_alive():
            self._exporter.shutdown()  # type: ignore[no-untyped-call] # untyped in the SDK

    def _write(self, traced: TracedRequest) -> str:
        record = traced.record
        ended = _ns(record.at)
        received = ended - _ns(record.total_s)
        started = _start(traced.edge_at, received)
        span = self._tracer.start_span(
            f"{record.protocol} {self._model}",
            context=set_span_in_context(NonRecordingSpan(_remote(traced.parent))) if traced.parent else None,
            kind=SpanKind.SERVER,
            start_time=started,
            attributes={
                "modelyard.request_id": record.request_id,
                "modelyard.model": self._model,
                "modelyard.version": record.version,
                "modelyard.protocol": record.protocol,
                "modelyard.code": record.code,
                "modelyard.rows": record.rows,
                "modelyard.bytes": record.body_bytes,
            },
        )
        if record.code not in NON_ERROR_CODES:
            span.set_status(StatusCode.ERROR, traced.outcome)
        if started < received:
            self._child(span, "edge", started, received)
        if traced.queue_end_s is not None:
            called = received + _ns(traced.queue_end_s)
            self._child(span, "queue", called - _ns(record.queue_s), called)
            if record.batch_rows:
                self._child(span, "compute", called, called + _ns(record.compute_s), record.batch_rows)
        span.end(ended)
        return format_trace_id(span.get_span_context().trace_id)

    def _child(self, parent: Span, name: str, start: int, end: int, batch_rows: int = 0) -> None:
        attributes = {"modelyard.batch_rows": batch_rows} if batch_rows else {}
        context = set_span_in_context(parent)
        self._tracer.start_span(name, context, start_time=start, attributes=attributes).end(end)


def _start(edge_at: float | None, received: int) -> int:
    """Start of the request in nanoseconds since 1970. An implausible time of the edge, such as from a wrong clock, is ignored."""
    edge = received if edge_at is None else _ns(edge_at)
    return edge if 0 <= received - edge <= MAX_EDGE_NS else received


def _remote(parent: TraceParent) -> SpanContext:
    return SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
