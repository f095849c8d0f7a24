"""What the endpoints of a served version have in common: answers are written or their errors told, and refusals are recorded."""

from collections.abc import Callable
from typing import Any, TypeVar

from modelyard.errors import ModelyardError
from modelyard.http.asgi import logged_error_response
from modelyard.http.endpoint import CancelHandle, Reply
from modelyard.http.http1 import WholeResponse
from modelyard.inference.pending_request import Done, InferResponse
from modelyard.inference.recorder import Recorder, RequestContext
from modelyard.inference.scheduler import Scheduler
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.decoder.process import Decoder
from modelyard.protocols.decoder.request import DeferredRequest

T = TypeVar("T")


def as_callback(write: Callable[[InferResponse], T], tell: Callable[[T | Exception], object]) -> Done:
    """What is done with the model server's answer: `tell` gets what `write` makes of it, or the error, once."""

    def done(answer: InferResponse | ModelyardError) -> Exception | None:
        if not isinstance(answer, InferResponse):
            tell(answer)
            return None
        try:
            written = write(answer)
        except Exception as error:  # noqa: BLE001 - a model's output that cannot be written is this request's alone
            tell(error)
            return error
        tell(written)
        return None

    return done


class BaseEndpoint:
    """What is the same in every `Endpoint` of a version."""

    def __init__(self, server: Scheduler, recorder: Recorder, decoder: Decoder) -> None:
        self.server = server
        self._recorder = recorder
        self._decoder = decoder

    def _begin_large(
        self, decoding: DecodeJob, begin: Callable[[Any, Reply], CancelHandle], reply: Reply, context: RequestContext
    ) -> CancelHandle:
        """Begin when the body is decoded."""
        return DeferredRequest(
            self._decoder, decoding, begin, reply, open_requests=self.server.open_requests, context=context
        )

    def unread(self, error: Exception, request_id: str) -> None:
        """See `Endpoint`."""
        open_requests = self.server.open_requests
        open_requests.refuse(open_requests.context(self._recorder, request_id), error)

    def refusal(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        """In the form of the path's protocol."""
        return WholeResponse(logged_error_response(error, request_id, path))
