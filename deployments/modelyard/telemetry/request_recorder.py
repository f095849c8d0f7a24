"""Counts a version's requests, for metrics, and notes them for the log and for traces.

On the request path: `python -m benchmarks.metrics` says what it costs.
"""

from modelyard.http.edge_headers import client_address, edge_start_s
from modelyard.inference.batch import Batch
from modelyard.inference.recorder import CODES, RequestContext
from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry.metrics.counters import VersionCounts
from modelyard.telemetry.request_log import RequestLog
from modelyard.telemetry.trace_sampling import Traced, Tracing
from modelyard.telemetry.traceparent import of_headers


class RequestRecorder:
    """The recorder of one version and one protocol."""

    __slots__ = (
        "_batch",
        "_codes",
        "_compute",
        "_counts",
        "_log",
        "_looking",
        "_protocol",
        "_queue",
        "_request",
        "_slow_s",
        "_tracing",
    )

    def __init__(self, counts: VersionCounts, protocol: str, log: RequestLog, tracing: Tracing | None = None) -> None:
        self._counts = counts
        self._protocol = protocol
        self._log = log
        self._tracing = tracing
        self._looking = log.share > 0 or tracing is not None  # at those that go well
        self._slow_s = log.slow_s
        self._codes = counts.codes[protocol]
        # Bound once, not looked up for each request.
        self._request, self._queue = counts.request.observe, counts.queue.observe
        self._compute, self._batch = counts.compute.observe, counts.batch.observe

    def request_ended(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float, call: Batch | None
    ) -> None:
        """See `Recorder`."""
        if outcome == "OK":
            self._codes["ok"] += 1
            self._counts.rows += context.rows
            if self._looking or total_s >= self._slow_s:
                self._note(context, outcome, total_s, queue_s, call)
        else:
            self._codes[CODES.get(outcome, "error")] += 1
            self._note(context, outcome, total_s, queue_s, call)
        self._request(total_s)
        self._queue(queue_s)

    def request_rejected(self, context: RequestContext, outcome: str, total_s: float) -> None:
        """See `Recorder`."""
        self._codes[CODES.get(outcome, "error")] += 1
        self._note(context, outcome, total_s, None, None)

    def batch_ended(self, rows: int, seconds: float) -> None:
        """See `Recorder`."""
        self._compute(seconds)
        self._batch(rows)

    def _note(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float | None, call: Batch | None
    ) -> None:
        """For the log and for traces, if they want it. `queue_s` is None of a request that was not taken on."""
        log, tracing, code = self._log, self._tracing, CODES.get(outcome, "error")
        logged = log.wants(code, total_s)
        parent = of_headers(context.headers) if tracing else None
        traced = tracing is not None and tracing.wants(parent)
        if not (logged or traced):
            return
        line = RequestRecord(
            at=log.now(),
            request_id=context.request_id,
            version=self._counts.version,
            protocol=self._protocol,
            code=code,
            rows=context.rows,
            queue_s=queue_s or 0.0,
            compute_s=call.seconds if call else 0.0,
            total_s=total_s,
            batch_rows=call.rows if call else 0,
            body_bytes=context.body_bytes,
            client=client_address(context.headers) if log.behind_edge else "",
            outcome=outcome,
        )
        if logged:
            log.note(line)
        if tracing is not None and traced:
            called_s = call.started - context.received if call else total_s
            queue_until_s = None if queue_s is None else called_s
            tracing.note(Traced(parent, line, outcome, queue_until_s, edge_start_s(context.headers)))
