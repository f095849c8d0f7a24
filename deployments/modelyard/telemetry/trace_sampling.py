"""Selects the requests to trace and collects them. `spans.py` makes their spans later, in another thread.

The client's `traceparent` header decides whether a request is traced. Without the header it is sampled at random. An untraced
request costs one pass over its headers when it has ended; with tracing disabled there is no cost.
"""

from collections.abc import Callable, Sequence
from random import random
from typing import NamedTuple

from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry.traceparent import TraceParent

MAX_PENDING_REQUESTS = 500
"""Maximum number of traced requests of one replica between two flushes, which are a second apart. Further requests are not traced.
Clients decide what is traced, and this limits the load that one client can cause."""


class TracedRequest(NamedTuple):
    """A traced request that has ended."""

    parent: TraceParent | None
    """None if the trace starts here."""
    record: RequestRecord
    """The request as in the request log."""
    outcome: str
    """See `inference.recorder.Recorder`."""
    queue_end_s: float | None
    """Seconds from its arrival to the end of its `record.queue_s` in the queue; None for a rejected request."""
    edge_at: float | None = None
    """Unix time when it arrived at the edge; None if unknown."""


class TraceSampler:
    """Samples the requests of one model in one replica."""

    def __init__(
        self,
        share: float,
        write: Callable[[Sequence[TracedRequest]], list[str]],
        *,
        random_value: Callable[[], float] = random,
    ) -> None:
        """`share` is the share of requests without a `traceparent` to trace. `write` returns the trace id of each request."""
        self._share = share
        self._write = write
        self._random_value = random_value
        self._pending: list[TracedRequest] = []

    def should_trace(self, parent: TraceParent | None) -> bool:
        """Whether to trace a request with this parent."""
        sampled = self._random_value() < self._share if parent is None else parent.sampled
        return sampled and len(self._pending) < MAX_PENDING_REQUESTS

    def add(self, traced: TracedRequest) -> None:
        """Queue a request for `flush`."""
        self._pending.append(traced)

    def flush(self) -> list[tuple[str, TracedRequest]]:
        """Write the queued requests. Returns them with their trace ids. Called in another thread than the other methods."""
        traced = self._pending[:]
        del self._pending[: len(traced)]
        return list(zip(self._write(traced), traced, strict=True))
