"""Counts a version's requests, for metrics. On the request path: `python -m benchmarks.metrics` says what it costs."""

from deployments.serving.call import Call
from deployments.serving.recorder import CODES, Origin
from monitoring.accumulate import VersionCounts


class RequestRecorder:
    """The recorder of one version and one protocol."""

    __slots__ = ("_codes", "_request", "called")

    def __init__(self, counts: VersionCounts, protocol: str) -> None:
        self._codes = counts.codes[protocol]
        self._request = counts.request
        self.called = counts.call
        """See `Recorder`."""

    def ended(self, origin: Origin, outcome: str, total_s: float, queue_s: float, call: Call | None) -> None:
        """See `Recorder`."""
        code = CODES.get(outcome, "error")
        self._codes[code] += 1
        self._request(origin.rows if code == "ok" else 0, total_s, queue_s)

    def refused(self, origin: Origin, outcome: str, total_s: float) -> None:
        """See `Recorder`."""
        self._codes[CODES.get(outcome, "error")] += 1
