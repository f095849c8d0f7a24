"""The interface of the fast path: a protocol implements `Endpoint` or `StreamEndpoint` for each of its paths."""

from collections.abc import Callable, Sequence
from typing import Protocol

from modelyard.errors import ModelyardError
from modelyard.http.problem import HttpResponse
from modelyard.inference.service import CancelHandle

Header = tuple[bytes, bytes]
"""Lower-case name, value."""


class Response(Protocol):
    """A response that is ready to be written."""

    def to_http1(self, request_id: str, extra_headers: bytes) -> bytes:
        """The whole HTTP/1.1 response. `extra_headers` are further header lines, each with its line end."""

    def to_http_response(self) -> HttpResponse:
        """The same for the ASGI path."""


Reply = Callable[[Response | Exception], None]
"""Called once, on the event loop."""


class Endpoint(Protocol):
    """Responds to the requests of one path; one object for all connections."""

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """Start a request; `reply` may be called before this returns. Raises what is wrong with the request.

        `headers` are all headers of the request, `content_type` (b"" if there is none) included. The handle is cancelled if the
        client disconnects. The request is recorded under `request_id` in every case (`inference.recorder`).
        """

    def reject(self, error: Exception, request_id: str) -> None:
        """Record a request that was rejected before it could be started."""

    def error_response(self, error: Exception, request_id: str, path: str) -> Response:
        """The response for an error, in the form of the protocol."""


class Sink(Protocol):
    """Where a streamed response is written: an endpoint's view of the connection."""

    request_id: str

    @property
    def full(self) -> bool:
        """Whether the client has not read what was written; `StreamExchange.on_room` is called when it has."""

    def write(self, data: bytes) -> None:
        """Write the next bytes of the HTTP/1.1 response, its head included."""

    def end(self, data: bytes) -> None:
        """Write the last bytes. No method of the exchange is called afterwards."""

    def set_reading(self, enabled: bool) -> None:
        """Continue or pause reading the request. It is not read either while the sink is full."""


class StreamExchange(Protocol):
    """One streamed request and its response. Its methods are called on the event loop, and never raise."""

    def on_piece(self, piece: bytes) -> None:
        """The next bytes of the request's body."""

    def on_request_end(self) -> None:
        """The body is complete."""

    def on_room(self) -> None:
        """The client reads again."""

    def on_shutdown(self) -> None:
        """The server is about to stop: end soon."""

    def body_progress(self) -> tuple[object, int]:
        """As in `slow_clients.WatchedConnection`, of the message that is being received."""

    @property
    def held_bytes(self) -> int:
        """Bytes in memory of an incomplete message."""

    def on_rejected(self, error: ModelyardError) -> None:
        """The incomplete message is rejected: respond to the messages before it, then end with the error."""

    def cancel(self) -> None:
        """The client has disconnected."""


class StreamEndpoint(Protocol):
    """Responds to the requests of one path in pieces, perhaps while the request is still being received."""

    def open(self, headers: Sequence[Header], sink: Sink) -> StreamExchange:
        """Start a request, before any byte of its body. Does not raise, and does not end the response before it returns."""
