"""A request that a model has accepted, and its response."""

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.errors import ModelyardError
from modelyard.inference.recorder import RequestContext
from modelyard.tensors import InferRequest, Tensors


@dataclass(slots=True)
class InferResponse:
    """A model's outputs for one request, and where its time went."""

    outputs: Tensors
    """The requested outputs, in the requested order; perhaps views into the whole batch's arrays."""
    batch_rows: int
    """Rows in the batch that this request was part of."""
    queue_s: float
    """Seconds from submit to the start of the batch."""
    compute_s: float
    """Seconds that the batch took."""


Complete = Callable[[InferResponse | ModelyardError], Exception | None]
"""Encodes and writes a request's result. Returns the error that kept it from being written, if there was one."""


class PendingRequest:
    """An accepted request. Open until it is completed or cancelled; `complete` is called at most once, when it closes."""

    __slots__ = ("_cancelled", "complete", "context", "is_queued", "key", "request", "rows", "submitted")

    def __init__(
        self,
        request: InferRequest,
        complete: Complete,
        submitted: float,
        cancelled: Callable[["PendingRequest"], None],
        context: RequestContext,
    ) -> None:
        self.request = request
        self.rows = request.rows
        self.complete: Complete | None = complete
        """None once closed."""
        self.submitted = submitted
        self.context = context
        self.is_queued = False
        self.key: object = None
        """What requests of one batch have in common (`batch.batch_key`); computed when first compared."""
        self._cancelled = cancelled

    def cancel(self) -> None:
        """The client has disconnected: `complete` will not be called, and the request is dropped if its batch has not begun."""
        if self.complete is not None:
            self._cancelled(self)
