"""Counts a version's requests, for metrics. On the request path: `python -m benchmarks.metrics` says what it costs."""

from deployments.serving.call import Call
from deployments.serving.recorder import CODES, Origin
from monitoring.accumulate import VersionCounts


class RequestRecorder:
    """The recorder of one version and one protocol."""

    __slots__ = ("_batch", "_codes", "_compute", "_counts", "_queue", "_request")

    def __init__(self, counts: VersionCounts, protocol: str) -> None:
        self._counts = counts
        self._codes = counts.codes[protocol]
        # Bound once, not looked up for each request.
        self._request, self._queue = counts.request.observe, counts.queue.observe
        self._compute, self._batch = counts.compute.observe, counts.batch.observe

    def ended(self, origin: Origin, outcome: str, total_s: float, queue_s: float, call: Call | None) -> None:
        """See `Recorder`."""
        if outcome == "OK":
            self._codes["ok"] += 1
            self._counts.rows += origin.rows
        else:
            self._codes[CODES.get(outcome, "error")] += 1
        self._request(total_s)
        self._queue(queue_s)

    def refused(self, origin: Origin, outcome: str, total_s: float) -> None:
        """See `Recorder`."""
        self._codes[CODES.get(outcome, "error")] += 1

    def called(self, rows: int, seconds: float) -> None:
        """See `Recorder`."""
        self._compute(seconds)
        self._batch(rows)
