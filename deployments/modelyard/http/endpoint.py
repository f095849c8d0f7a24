"""What the fast lane asks of whatever answers on a hot URL. A protocol joins it by an `Endpoint`, or a `StreamEndpoint`."""

from collections.abc import Callable, Sequence
from typing import Protocol

from modelyard.errors import ModelyardError
from modelyard.http.problem import HttpResponse
from modelyard.inference.service import CancelHandle

Header = tuple[bytes, bytes]
"""Lower-case name, value."""


class Response(Protocol):
    """An answer that is ready to be written."""

    def to_http1(self, request_id: str, more: bytes) -> bytes:
        """The whole HTTP/1.1 answer, status line to end. `more` is header lines that the connection adds, each with its end."""

    def to_http_response(self) -> HttpResponse:
        """The same for the ASGI path."""


Reply = Callable[[Response | Exception], None]
"""Called once, on the loop."""


class Endpoint(Protocol):
    """Answers on a hot URL; one object for all connections."""

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """Begin; `reply` may be called before this returns. Raises what is wrong with the request.

        `headers` holds all of them, `content_type` (b"" where there is none) too. What is given back is cancelled if the
        client leaves. The request is recorded, whatever becomes of it (`inference.recorder`), under `request_id`.
        """

    def reject(self, error: Exception, request_id: str) -> None:
        """Record a request for this endpoint that was refused before it could be started."""

    def error_response(self, error: Exception, request_id: str, path: str) -> Response:
        """The answer for an error, in the protocol's own form."""


class Sink(Protocol):
    """Where a streamed answer goes: the connection, as the endpoint sees it."""

    request_id: str

    @property
    def full(self) -> bool:
        """Whether the client has not read what was written already; `StreamExchange.on_room` tells of the end of that."""

    def write(self, data: bytes) -> None:
        """The next bytes of the HTTP/1.1 answer, its head included."""

    def end(self, data: bytes) -> None:
        """The last ones. The exchange hears nothing more."""

    def read_on(self, wanted: bool) -> None:
        """Whether more of the request may come. It does not while the sink is full."""


class StreamExchange(Protocol):
    """One streamed request and answer; called on the loop, and never raises."""

    def on_piece(self, piece: bytes) -> None:
        """The next bytes of the request's body."""

    def on_request_end(self) -> None:
        """There are no more."""

    def on_room(self) -> None:
        """The client reads again."""

    def on_shutdown(self) -> None:
        """The server is about to stop: end soon."""

    def coming(self) -> tuple[object, int]:
        """What tells the message of which a part came from others, and the bytes so far; None where none is awaited."""

    @property
    def held_bytes(self) -> int:
        """How much it keeps of a message that is not all there."""

    def on_refused(self, error: ModelyardError) -> None:
        """That message is not waited for any more: end with the error, behind the answers to what was asked before."""

    def cancel(self) -> None:
        """The client left."""


class StreamEndpoint(Protocol):
    """Answers on a hot URL bit by bit, perhaps while the request is still being read."""

    def open(self, headers: Sequence[Header], sink: Sink) -> StreamExchange:
        """Begin, with the request's headers; nothing of its body is there yet. Does not raise, nor end before it returns."""
