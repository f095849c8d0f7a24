"""What the endpoints of a served version have in common: answers are written or their errors told, and refusals are recorded."""

from collections.abc import Callable
from typing import Any, TypeVar

from deployments.errors import ModelyardError
from deployments.lane.endpoint import Begun, Reply
from deployments.lane.http1 import Whole
from deployments.replica.after_decoding import AfterDecoding
from deployments.serving.asgi import answer_error
from deployments.serving.decoder import Decoder
from deployments.serving.decoding import Decoding
from deployments.serving.recorder import Origin, Recorder
from deployments.serving.server import ModelServer
from deployments.serving.ticket import Answer, Done

T = TypeVar("T")


def answering(write: Callable[[Answer], T], tell: Callable[[T | Exception], object]) -> Done:
    """What is done with the model server's answer: `tell` gets what `write` makes of it, or the error, once."""

    def done(answer: Answer | ModelyardError) -> Exception | None:
        if not isinstance(answer, Answer):
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


class Answering:
    """What is the same in every `Endpoint` of a version."""

    def __init__(self, server: ModelServer, recorder: Recorder, decoder: Decoder) -> None:
        self.server = server
        self._recorder = recorder
        self._decoder = decoder

    def _begin_large(
        self, decoding: Decoding, begin: Callable[[Any, Reply], Begun], reply: Reply, origin: Origin
    ) -> Begun:
        """Begin when the body is decoded."""
        return AfterDecoding(self._decoder, decoding, begin, reply, ledger=self.server.ledger, origin=origin)

    def unread(self, error: Exception, request_id: str) -> None:
        """See `Endpoint`."""
        ledger = self.server.ledger
        ledger.refuse(ledger.origin(self._recorder, request_id), error)

    def refusal(self, error: Exception, request_id: str, path: str) -> Whole:
        """In the form of the path's protocol."""
        return Whole(answer_error(error, request_id, path))
