"""uvicorn's WebSocket protocol, with limits on memory and on slow clients."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from modelyard.errors import BodyTooSlow, ModelyardError, Overloaded
from modelyard.http.asgi import Asgi
from modelyard.http.body_budget import BodyBudget, HeldBytes
from modelyard.http.slow_clients import SlowClientWatchdog

Factory = Callable[..., asyncio.Protocol]


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Buffers a partial message in no more than its bytes, and closes connections of slow senders.

    uvicorn keeps a list of fragments: 40 bytes for each one-byte fragment and 9 for each empty one, of which a message may have
    any number.
    """

    held: HeldBytes
    """The bytes of the message that is being received."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._received_bytes = 0
        self._joined: bytearray | None = None
        self._watchdog = SlowClientWatchdog(self, self.loop, self.config.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watchdog.end()
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

    # `WatchedConnection`

    def take_activity(self) -> bool:
        """Always active: a WebSocket may be idle for as long as it responds to pings."""
        return True

    def body_progress(self) -> tuple[object, int]:
        """See `WatchedConnection`; counts all bytes received on the connection."""
        in_message = (self.frames or self.conn.reader.buffer) and not self.read_paused
        return (self, self._received_bytes) if in_message else (None, 0)

    def on_slow_body(self, error: BodyTooSlow) -> None:
        """Close, as for a ping without a response."""
        self._fail(CloseCode.POLICY_VIOLATION, error)

    def _fail(self, code: CloseCode, error: ModelyardError) -> None:
        self.conn.fail(code, error.message)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()

    def unwritten_bytes(self) -> int:
        """See `WatchedConnection`."""
        return 0 if self.writable.is_set() else self.transport.get_write_buffer_size()

    def on_stalled(self) -> None:
        """See `WatchedConnection`."""
        self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """Never called: see `take_activity`."""


def websocket_connections(factory: Factory | None, application: Asgi | None, bodies: BodyBudget) -> Factory | None:
    """The factory of WebSocket protocols to use in place of uvicorn's `factory`. `application` replaces uvicorn's, if given."""
    if factory is None:
        return None
    connection = WebSocketConnection if factory is WebSocketsSansIOProtocol else factory

    def create(**arguments: Any) -> asyncio.Protocol:
        protocol: Any = connection(**arguments)
        protocol.held = HeldBytes(bodies)
        if application is not None:
            protocol.app = application
        return protocol  # type: ignore[no-any-return] # either factory creates a protocol

    return create
