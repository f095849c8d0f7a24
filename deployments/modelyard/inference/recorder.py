"""What is told about each request, and of each call of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # which has tickets, which have contexts
    from modelyard.inference.batch import Batch

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
    # A client that has had enough: its deadline was shorter than ours. See docs/monitoring.md.
    "Cancelled": "timeout",
    "ModelNotReady": "error",
    "InferenceFailed": "error",
}
"""The code that each outcome counts as; any other outcome is an `error`."""


class Recorder(Protocol):
    """Told of the requests that one version gets by one protocol; on the event loop, so it is quick, and it must not raise.

    Each request is told of once. `outcome` is "OK", "Cancelled" or the name of the error's class.
    """

    def ended(
        self, context: "RequestContext", outcome: str, total_s: float, queue_s: float, call: "Batch | None"
    ) -> None:
        """A request that was taken on.

        `total_s` is from `context.received` until it was answered. `call` is the call of the model that decided it, and
        `queue_s` is from submit to the start of that. Where no call did (cancelled, too late) it is to the end.
        """

    def refused(self, context: "RequestContext", outcome: str, total_s: float) -> None:
        """A request that was not: it could not be read, or there was no place for it."""

    def called(self, rows: int, seconds: float) -> None:
        """A call of the model, by whatever protocols its requests came. One that failed is a call too."""


@dataclass(slots=True)
class RequestContext:
    """Where a request comes from, and who is told of it."""

    recorder: Recorder
    received: float
    """When it was there as a whole, by the model server's clock."""
    request_id: str
    body_bytes: int
    rows: int = 0
    """0 until it is known."""
    headers: Sequence[tuple[bytes, bytes]] = ()
    """Of the request, with lower-case names, as far as its protocol has any; read by who traces it, when it has ended."""


class _Unrecorded:
    def ended(
        self, context: RequestContext, outcome: str, total_s: float, queue_s: float, call: "Batch | None"
    ) -> None:
        """Nothing."""

    def refused(self, context: RequestContext, outcome: str, total_s: float) -> None:
        """Nothing."""

    def called(self, rows: int, seconds: float) -> None:
        """Nothing."""


UNRECORDED: Recorder = _Unrecorded()
"""The recorder of a server that nobody watches."""
