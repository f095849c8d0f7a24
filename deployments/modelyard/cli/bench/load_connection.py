"""The connections of a client process: HTTP/1.1, one request at a time."""

import asyncio
from typing import Any, Protocol, cast

import httptools


class Load(Protocol):
    """The load that a slot belongs to."""

    async def open_connection(self, slot: "Slot") -> "Connection":
        """Connect. Raises OSError."""

    def sent(self) -> None:
        """A request was written."""

    def completed(self, slot: "Slot", outcome: str, due: float) -> None:
        """A request ended: with a status code, or with a kind of error."""


class Slot:
    """At most one request in flight, on a connection that is opened again if the server closes it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._connection: Connection | None = None
        self._request = b""
        self._due = 0.0
        self.is_busy = False

    async def connect(self) -> None:
        """Open the connection. If that fails, the next request fails."""
        try:
            self._connection = await self._load.open_connection(self)
        except OSError:
            self._connection = None
        if self.is_busy:
            if self._connection is None:
                self._complete("not connected")
            else:
                self._write(self._connection)

    def send(self, request: bytes, due: float) -> None:
        """Send a request, whose latency counts from `due`."""
        self.is_busy, self._request, self._due = True, request, due
        if self._connection is None:
            self._connecting = asyncio.ensure_future(self.connect())
        else:
            self._write(self._connection)

    def responded(self, connection: "Connection", status: int, *, reusable: bool) -> None:
        """A whole response was received."""
        if connection is not self._connection:
            return
        if not reusable:
            self._connection = None
            connection.abort()
        if self.is_busy:
            self._complete(str(status))

    def closed(self, connection: "Connection") -> None:
        """The connection is closed."""
        if connection is self._connection:
            self._connection = None
            if self.is_busy:
                self._complete("disconnected")

    def give_up(self, before: float) -> None:
        """End a request that was due before this time."""
        if self.is_busy and self._due < before:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.abort()
            self._complete("no response")

    def _write(self, connection: "Connection") -> None:
        connection.write(self._request)
        self._load.sent()

    def _complete(self, outcome: str) -> None:
        self.is_busy = False
        self._load.completed(self, outcome, self._due)


class Connection(asyncio.Protocol):
    """Writes requests, one at a time, and reports the status of each response."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._parser: Any = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None

    def write(self, request: bytes) -> None:
        """Write a whole request."""
        if self._transport is not None:
            self._transport.write(request)

    def abort(self) -> None:
        """Close the connection without a report."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._transport = None
        self._slot.closed(self)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        parser = self._parser
        self._slot.responded(self, parser.get_status_code(), reusable=parser.should_keep_alive())
