"""A streamed request on a connection of the lane: its exchange's way out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.errors import Overloaded
from modelyard.http.endpoint import Header, StreamEndpoint, StreamExchange

if TYPE_CHECKING:  # each knows the other
    from modelyard.http.connection import FastPathProtocol


class ConnectionStream:
    """The `Sink` that a connection gives to a streaming endpoint."""

    def __init__(self, connection: "FastPathProtocol", request_id: str) -> None:
        self.request_id = request_id
        self.exchange: StreamExchange
        self.reads = True
        """Whether the exchange wants more of the request."""
        self._connection = connection

    def open(self, endpoint: StreamEndpoint, headers: Sequence[Header]) -> None:
        """Begin."""
        self.exchange = endpoint.open(headers, self)

    def feed(self, piece: bytes) -> None:
        """The next bytes of the request."""
        exchange = self.exchange
        exchange.on_piece(piece)
        try:
            self._connection.held.set_to(exchange.held_bytes)
        except Overloaded as error:
            exchange.on_refused(error)

    @property
    def full(self) -> bool:
        """See `Sink`."""
        return self._connection.flow.write_paused

    def write(self, data: bytes) -> None:
        """See `Sink`."""
        self._connection.transport.write(data)

    def end(self, data: bytes) -> None:
        """See `Sink`."""
        self._connection.end_stream(data)

    def read_on(self, wanted: bool) -> None:
        """See `Sink`."""
        if wanted != self.reads:
            self.reads = wanted
            if wanted:
                self._connection.resume_reading()
            else:
                self._connection.flow.pause_reading()
