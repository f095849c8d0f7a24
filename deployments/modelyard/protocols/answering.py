"""What the endpoints of a served version have in common: answers are written or their errors told, and refusals are recorded."""

from collections.abc import Callable
from typing import Any, TypeVar

from modelyard.errors import ModelyardError
from modelyard.http.asgi import answer_error
from modelyard.http.endpoint import Begun, Reply
from modelyard.http.http1 import Whole
from modelyard.inference.pending_request import Answer, Done
from modelyard.inference.recorder import Origin, Recorder
from modelyard.inference.scheduler import ModelServer
from modelyard.protocols.decoder.job import Decoding
from modelyard.protocols.decoder.process import Decoder
from modelyard.protocols.decoder.request import AfterDecoding

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
