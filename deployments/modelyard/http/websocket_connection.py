"""uvicorn's WebSocket protocol, as the lane hands connections over to it."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from modelyard.errors import BodyTooSlow, ModelyardError, Overloaded
from modelyard.http.asgi import Asgi
from modelyard.http.body_budget import BodyBudget, HeldBytes
from modelyard.http.slow_clients import SlowClientWatchdog

Kind = Callable[..., asyncio.Protocol]


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Holds of a message that is still coming no more than its bytes, and does not wait for one that trickles.

    uvicorn keeps a list of fragments: 40 bytes for each byte where they have one, and 9 for each empty one, of which a message
    may have any number.
    """

    held: HeldBytes
    """What is there of a message that is still coming."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._received_bytes = 0
        self._joined: bytearray | None = None
        self._watch = SlowClientWatchdog(self, self.loop, self.config.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.end()
        self.held.release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        super().data_received(data)
        try:
            joined = len(self._joined) if self._joined else sum(map(len, self.frames))
            self.held.set_to(joined + len(self.conn.reader.buffer))
        except Overloaded as error:
            self._fail(CloseCode.TRY_AGAIN_LATER, error)

    def handle_cont(self, event: Frame) -> None:
        """Join the fragment to those before it."""
        joined = self._joined = self._joined or bytearray(self.frames[0])
        joined += event.data
        if event.fin:
            self.frames, self._joined = [bytes(joined)], None
            self.send_receive_event_to_app()

    # What the watch asks and tells

    def take_activity(self) -> bool:
        """A socket may be quiet for as long as it answers pings."""
        return True

    def coming(self) -> tuple[object, int]:
        """As a connection of HTTP has it; the bytes are all that came, as with a stream of gRPC."""
        in_message = (self.frames or self.conn.reader.buffer) and not self.read_paused
        return (self, self._received_bytes) if in_message else (None, 0)

    def on_slow_body(self, error: BodyTooSlow) -> None:
        """Close, as for a ping without an answer."""
        self._fail(CloseCode.POLICY_VIOLATION, error)

    def _fail(self, code: CloseCode, error: ModelyardError) -> None:
        self.conn.fail(code, error.message)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()

    def unread(self) -> int:
        """See `Watched`."""
        return 0 if self.writable.is_set() else self.transport.get_write_buffer_size()

    def on_stalled(self) -> None:
        """As a connection of HTTP does."""
        self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """Never called: see `take_activity`."""


def websocket_connections(kind: Kind | None, application: Asgi | None, bodies: BodyBudget) -> Kind | None:
    """What makes WebSockets in the place of `kind`, uvicorn's own: for this application, if the lane has one."""
    if kind is None:
        return None
    better = WebSocketConnection if kind is WebSocketsSansIOProtocol else kind

    def make(**parts: Any) -> asyncio.Protocol:
        protocol: Any = better(**parts)
        protocol.held = HeldBytes(bodies)
        if application is not None:
            protocol.app = application
        return protocol  # type: ignore[no-any-return] # as `better` says

    return make
