"""Counts a version's requests, for metrics, and notes them for the log.

On the request path: `python -m benchmarks.metrics` says what it costs.
"""

from deployments.replica.request_log import Line, RequestLog
from deployments.serving.call import Call
from deployments.serving.recorder import CODES, Origin
from monitoring.accumulate import VersionCounts


class RequestRecorder:
    """The recorder of one version and one protocol."""

    __slots__ = ("_batch", "_codes", "_compute", "_counts", "_log", "_protocol", "_queue", "_request", "_sampling")

    def __init__(self, counts: VersionCounts, protocol: str, log: RequestLog) -> None:
        self._counts = counts
        self._protocol = protocol
        self._log = log
        self._sampling = log.share > 0
        self._codes = counts.codes[protocol]
        # Bound once, not looked up for each request.
        self._request, self._queue = counts.request.observe, counts.queue.observe
        self._compute, self._batch = counts.compute.observe, counts.batch.observe

    def ended(self, origin: Origin, outcome: str, total_s: float, queue_s: float, call: Call | None) -> None:
        """See `Recorder`."""
        if outcome == "OK":
            self._codes["ok"] += 1
            self._counts.rows += origin.rows
            if self._sampling:
                self._note(origin, "ok", total_s, queue_s, call)
        else:
            code = CODES.get(outcome, "error")
            self._codes[code] += 1
            self._note(origin, code, total_s, queue_s, call)
        self._request(total_s)
        self._queue(queue_s)

    def refused(self, origin: Origin, outcome: str, total_s: float) -> None:
        """See `Recorder`."""
        code = CODES.get(outcome, "error")
        self._codes[code] += 1
        self._note(origin, code, total_s, 0.0, None)

    def called(self, rows: int, seconds: float) -> None:
        """See `Recorder`."""
        self._compute(seconds)
        self._batch(rows)

    def _note(self, origin: Origin, code: str, total_s: float, queue_s: float, call: Call | None) -> None:
        log = self._log
        if log.wants(code):
            log.note(
                Line(
                    at=log.now(),
                    request_id=origin.request_id,
                    version=self._counts.version,
                    protocol=self._protocol,
                    code=code,
                    rows=origin.rows,
                    queue_s=queue_s,
                    compute_s=call.seconds if call else 0.0,
                    total_s=total_s,
                    batch_rows=call.rows if call else 0,
                    body_bytes=origin.body_bytes,
                )
            )
