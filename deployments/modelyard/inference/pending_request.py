"""One accepted request and its answer."""

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.errors import ModelyardError
from modelyard.inference.recorder import RequestContext
from modelyard.tensors import InferRequest, Tensors


@dataclass(slots=True)
class InferResponse:
    """What the model gave for one request, and where the time went."""

    outputs: Tensors
    """The wanted outputs, in the wanted order; perhaps views into the whole batch's arrays."""
    batch_rows: int
    """Rows in the call that this request was part of."""
    queue_s: float
    """Seconds from submit to the start of the call."""
    compute_s: float
    """Seconds that the call took."""


Done = Callable[[InferResponse | ModelyardError], Exception | None]
"""Takes a request's result to its client; gives back why an answer could not be written, if so."""


class PendingRequest:
    """An accepted request. Open until it is answered or cancelled; `done` is called at most once, while it closes."""

    __slots__ = ("_cancelled", "context", "done", "key", "request", "rows", "submitted", "waiting")

    def __init__(
        self,
        request: InferRequest,
        done: Done,
        submitted: float,
        cancelled: Callable[["PendingRequest"], None],
        context: RequestContext,
    ) -> None:
        self.request = request
        self.rows = request.rows
        self.done: Done | None = done
        """None once closed."""
        self.submitted = submitted
        self.context = context
        self.waiting = False
        """Whether it stands in the line."""
        self.key: object = None
        """What it must share with others to go into one call; worked out when first compared."""
        self._cancelled = cancelled

    def cancel(self) -> None:
        """The client went away: `done` will not be called, and the request is dropped if its call has not begun."""
        if self.done is not None:
            self._cancelled(self)
