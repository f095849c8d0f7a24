"""The interface that records the outcome of requests and the batches of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

CODES: Mapping[str, str] = {
    "OK": "ok",
    "InvalidRequest": "invalid",
    "ModelNotFound": "invalid",
    "MethodNotAllowed": "invalid",
    "NotAcceptable": "invalid",
    "UnsupportedMediaType": "invalid",
    "PayloadTooLarge": "invalid",
    "BodyTooSlow": "invalid",
    "NotSupported": "invalid",
    "Overloaded": "overloaded",
    "DeadlineExceeded": "timeout",
    # A client that gave up: its own deadline was shorter than the model's. See docs/monitoring.md.
    "Cancelled": "timeout",
    "ModelNotReady": "error",
    "InferenceFailed": "error",
}
"""The metric's `code` of each outcome; any other outcome is an `error`."""


class BatchTimes(Protocol):
    """What is recorded about a batch (`batch.Batch`)."""

    rows: int
    started: float
    """By the scheduler's clock."""
    seconds: float
    """How long the call took."""


class Recorder(Protocol):
    """Records the requests to one version by one protocol. Called on the event loop: it must be quick, and must not raise.

    Each request is recorded once. `outcome` is "OK", "Cancelled" or the name of the error's class.
    """

    def request_ended(
        self, context: "RequestContext", outcome: str, total_s: float, queue_s: float, batch: BatchTimes | None
    ) -> None:
        """Record a request that was accepted.

        `total_s` is from `context.received` until its response was written. `batch` is the one that decided the result, and
        `queue_s` is from submit to its start. Without one (cancelled, timed out) `queue_s` is from submit to the end.
        """

    def request_rejected(self, context: "RequestContext", outcome: str, total_s: float) -> None:
        """Record a request that was not accepted: it could not be decoded, or the queue had no room."""

    def batch_ended(self, rows: int, seconds: float) -> None:
        """Record a call of the model, failed ones too; its requests may have come by several protocols."""


@dataclass(slots=True)
class RequestContext:
    """What is known about a request beside its inputs."""

    recorder: Recorder
    received: float
    """When the whole request had arrived, by the scheduler's clock."""
    request_id: str
    body_bytes: int
    rows: int = 0
    """0 until the request is decoded."""
    headers: Sequence[tuple[bytes, bytes]] = ()
    """With lower-case names; empty for protocols without any. Tracing reads them when the request has ended."""
    timeout_s: float | None = None
    """The client's own deadline."""


class _Unrecorded:
    def request_ended(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float, batch: BatchTimes | None
    ) -> None:
        """Nothing."""

    def request_rejected(self, context: RequestContext, outcome: str, total_s: float) -> None:
        """Nothing."""

    def batch_ended(self, rows: int, seconds: float) -> None:
        """Nothing."""


UNRECORDED: Recorder = _Unrecorded()
"""Records nothing."""
