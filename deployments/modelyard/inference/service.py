"""The seam that every inference request goes through."""

from typing import Protocol

from modelyard.inference.pending_request import Complete
from modelyard.inference.recorder import RequestContext
from modelyard.tensors import InferRequest


class CancelHandle(Protocol):
    """A request that is being processed."""

    def cancel(self) -> object:
        """The client has disconnected: `complete` is not called any more."""


class Service(Protocol):
    """Answers inference requests: a model's scheduler, or a layer in front of another service."""

    def submit(self, request: InferRequest, context: RequestContext, complete: Complete) -> CancelHandle:
        """Accept a request. `complete` is called once, on the event loop, perhaps before this returns; never after a cancel.

        Raises a ModelyardError where the request is rejected; `complete` is then not called. Either way the request is recorded.
        """
