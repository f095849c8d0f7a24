"""A streamed request on a connection."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.errors import Overloaded
from modelyard.http.endpoint import Header, StreamEndpoint, StreamExchange

if TYPE_CHECKING:  # that module imports this one
    from modelyard.http.connection import FastPathProtocol


class ConnectionStream:
    """The `Sink` of one streamed request: passes its body to the exchange, and the response to the connection."""

    def __init__(self, connection: "FastPathProtocol", request_id: str) -> None:
        self.request_id = request_id
        self.exchange: StreamExchange
        self.reads = True
        """Whether the exchange wants more of the request."""
        self._connection = connection

    def open(self, endpoint: StreamEndpoint, headers: Sequence[Header]) -> None:
        """Start the request."""
        self.exchange = endpoint.open(headers, self)

    def feed(self, piece: bytes) -> None:
        """The next bytes of the request. They are rejected if the process has no room for them."""
        exchange = self.exchange
        exchange.on_piece(piece)
        try:
            self._connection.held.set_to(exchange.held_bytes)
        except Overloaded as error:
            exchange.on_rejected(error)

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

    def set_reading(self, enabled: bool) -> None:
        """See `Sink`."""
        if enabled != self.reads:
            self.reads = enabled
            if enabled:
                self._connection.resume_reading()
            else:
                self._connection.flow.pause_reading()
