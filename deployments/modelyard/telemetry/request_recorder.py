"""Records each request of a version: counts it, and selects it for the request log and for tracing.

Runs on the request path. `python -m benchmarks.metrics` measures its cost.
"""

from modelyard.http.edge_headers import client_address, edge_start_s
from modelyard.inference.recorder import CODES, BatchTimes, RequestContext
from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry.metrics.counters import VersionCounters
from modelyard.telemetry.request_log import RequestLog
from modelyard.telemetry.trace_sampling import TracedRequest, TraceSampler
from modelyard.telemetry.traceparent import from_headers


class RequestRecorder:
    """The `Recorder` of one version and one protocol."""

    __slots__ = (
        "_batch",
        "_codes",
        "_compute",
        "_counters",
        "_log",
        "_protocol",
        "_queue",
        "_request",
        "_sampler",
        "_samples_successes",
        "_slow_s",
    )

    def __init__(
        self, counters: VersionCounters, protocol: str, log: RequestLog, sampler: TraceSampler | None = None
    ) -> None:
        self._counters = counters
        self._protocol = protocol
        self._log = log
        self._sampler = sampler
        self._samples_successes = log.share > 0 or sampler is not None
        self._slow_s = log.slow_s
        self._codes = counters.codes[protocol]
        # Bound once, so that a request does not pay for the attribute lookups.
        self._request, self._queue = counters.request.observe, counters.queue.observe
        self._compute, self._batch = counters.compute.observe, counters.batch.observe

    def request_ended(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float, batch: BatchTimes | None
    ) -> None:
        """See `Recorder`."""
        if outcome == "OK":
            self._codes["ok"] += 1
            self._counters.rows += context.rows
            if self._samples_successes or total_s >= self._slow_s:
                self._sample(context, outcome, total_s, queue_s, batch)
        else:
            self._codes[CODES.get(outcome, "error")] += 1
            self._sample(context, outcome, total_s, queue_s, batch)
        self._request(total_s)
        self._queue(queue_s)
        self._counters.changed = True

    def request_rejected(self, context: RequestContext, outcome: str, total_s: float) -> None:
        """See `Recorder`."""
        self._codes[CODES.get(outcome, "error")] += 1
        self._sample(context, outcome, total_s, None, None)
        self._counters.changed = True

    def batch_ended(self, rows: int, seconds: float) -> None:
        """See `Recorder`."""
        self._compute(seconds)
        self._batch(rows)
        self._counters.changed = True

    def _sample(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float | None, batch: BatchTimes | None
    ) -> None:
        """Add the request to the log and to the traces, as far as it is selected. `queue_s` is None for a rejected request."""
        log, sampler, code = self._log, self._sampler, CODES.get(outcome, "error")
        logged = log.should_record(code, total_s)
        parent = from_headers(context.headers) if sampler else None
        traced = sampler is not None and sampler.should_trace(parent)
        if not (logged or traced):
            return
        record = RequestRecord(
            at=log.now(),
            request_id=context.request_id,
            version=self._counters.version,
            protocol=self._protocol,
            code=code,
            rows=context.rows,
            queue_s=queue_s or 0.0,
            compute_s=batch.seconds if batch else 0.0,
            total_s=total_s,
            batch_rows=batch.rows if batch else 0,
            body_bytes=context.body_bytes,
            client=client_address(context.headers) if log.behind_edge else "",
            outcome=outcome,
        )
        if logged:
            log.add(record)
        if sampler is not None and traced:
            batch_started_s = batch.started - context.received if batch else total_s
            queue_end_s = None if queue_s is None else batch_started_s
            sampler.add(TracedRequest(parent, record, outcome, queue_end_s, edge_start_s(context.headers)))
