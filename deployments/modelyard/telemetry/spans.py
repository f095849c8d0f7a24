"""Spans of requests that have ended, sent to a collector by OTLP over HTTP. The only module that knows OpenTelemetry.

A request is one span of kind "server". Its children are `edge`, from its coming to HAProxy to its being here as a whole; `queue`,
from its being taken on to the start of its call of the model; and `compute`, that call. The SDK's own thread sends them;
where the collector is away it tries for a while, then drops them.
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

from modelyard.telemetry.trace_sampling import Traced
from modelyard.telemetry.traceparent import TraceParent

FINE = frozenset(("ok", "invalid"))
"""Codes of spans that are no errors: what is the client's mistake is none on the server's side, as OpenTelemetry has it."""
PATH = "/v1/traces"
SEND_S = 5.0
"""How long a batch may take, tries again included."""
CLOSE_S = 5.0
"""How long what is left may take when the replica ends."""
SEND_EVERY_MS = 1000
LONGEST_EDGE_NS = 120 * 10**9
"""Sending a body takes less, and so does waiting for a model that is scaled to zero."""
MOST_QUEUED, MOST_A_BATCH = 4096, 512
"""Spans, four a request. What is more is dropped."""


class Spans:
    """Of one model, in one replica."""

    def __init__(self, model: str, endpoint: str, *, send_s: float = SEND_S, close_s: float = CLOSE_S) -> None:
        """`endpoint` is the collector's URL, without the path."""
        self._model = model
        self._close_s = close_s
        self._exporter = OTLPSpanExporter(endpoint.rstrip("/") + PATH, timeout=send_s)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create({SERVICE_NAME: "modelyard"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter,
                max_queue_size=MOST_QUEUED,
                schedule_delay_millis=SEND_EVERY_MS,
                max_export_batch_size=MOST_A_BATCH,
            )
        )
        self._tracer = self._provider.get_tracer("modelyard")

    def write(self, requests: Sequence[Traced]) -> list[str]:
        """Make the spans of these, which will be sent; gives each one's trace id."""
        return [self._write(traced) for traced in requests]

    def close(self) -> None:
        """Send what is left, or give up after CLOSE_S."""
        # The SDK itself would wait for half a minute.
        closing = Thread(target=self._provider.shutdown, name="modelyard-traces-close", daemon=True)
        closing.start()
        closing.join(self._close_s)
        if closing.is_alive():
            self._exporter.shutdown()  # type: ignore[no-untyped-call] # theirs

    def _write(self, traced: Traced) -> str:
        line = traced.line
        ended = _ns(line.at)
        arrived = ended - _ns(line.total_s)
        began = _began(traced.edge_at, arrived)
        span = self._tracer.start_span(
            f"{line.protocol} {self._model}",
            context=set_span_in_context(NonRecordingSpan(_remote(traced.parent))) if traced.parent else None,
            kind=SpanKind.SERVER,
            start_time=began,
            attributes={
                "modelyard.request_id": line.request_id,
                "modelyard.model": self._model,
                "modelyard.version": line.version,
                "modelyard.protocol": line.protocol,
                "modelyard.code": line.code,
                "modelyard.rows": line.rows,
                "modelyard.bytes": line.body_bytes,
            },
        )
        if line.code not in FINE:
            span.set_status(StatusCode.ERROR, traced.outcome)
        if began < arrived:
            self._child(span, "edge", began, arrived)
        if traced.queue_until_s is not None:
            called = arrived + _ns(traced.queue_until_s)
            self._child(span, "queue", called - _ns(line.queue_s), called)
            if line.batch_rows:
                self._child(span, "compute", called, called + _ns(line.compute_s), line.batch_rows)
        span.end(ended)
        return format_trace_id(span.get_span_context().trace_id)

    def _child(self, parent: Span, name: str, start: int, end: int, batch_rows: int = 0) -> None:
        attributes = {"modelyard.batch_rows": batch_rows} if batch_rows else {}
        context = set_span_in_context(parent)
        self._tracer.start_span(name, context, start_time=start, attributes=attributes).end(end)


def _began(edge_at: float | None, arrived: int) -> int:
    """When the request began, in nanoseconds since 1970. An edge on another machine, whose clock is wrong, is not believed."""
    edge = arrived if edge_at is None else _ns(edge_at)
    return edge if 0 <= arrived - edge <= LONGEST_EDGE_NS else arrived


def _remote(parent: TraceParent) -> SpanContext:
    return SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
