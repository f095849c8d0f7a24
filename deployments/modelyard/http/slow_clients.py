"""A look at a connection now and then: is it idle, does the request that its client has begun still come, does the client read?

uvicorn sets a timer after each answer and cancels it with the next request, which costs as much as writing the answer. One timer
a connection, that of the looks, costs a request nothing; what it finds is a look late at most.
"""

import asyncio
from typing import Protocol

from modelyard.errors import BodyTooSlow

CHECK_INTERVAL_S = 10.0
"""Between two looks."""
MIN_BYTES_PER_S = 4096
"""Bytes a second of a body, in the mean of two looks; about what a phone without 3G sends."""
MAX_SLOW_CHECKS = 2
"""Looks in a row at which a request has come too slowly. HAProxy gives headers, and a body that fits its buffer, as long."""
MAX_STALLED_CHECKS = 6
"""Looks in a row between which a client has read nothing of what waits for it: a minute, as nginx has it (send_timeout)."""


class WatchedConnection(Protocol):
    """A connection."""

    def take_activity(self) -> bool:
        """Whether a request is under way, or was answered since the last time that this was asked."""

    def coming(self) -> tuple[object, int]:
        """What tells the head or body that the client is sending from others, and its bytes so far; None where none is awaited."""

    def on_slow_body(self, error: BodyTooSlow) -> None:
        """Tell the client, and close."""

    def unread(self) -> int:
        """Bytes of answers that the client has not taken, where they are too many to write more; else 0."""

    def on_stalled(self) -> None:
        """The client does not read: let it and them go."""

    def timeout_keep_alive_handler(self) -> None:
        """Close: it is idle."""


class SlowClientWatchdog:
    """Of one connection."""

    def __init__(self, connection: WatchedConnection, loop: asyncio.AbstractEventLoop, keep_alive_s: float) -> None:
        """`keep_alive_s` is how long a connection may have no request."""
        self._connection = connection
        self._loop = loop
        self._keep_alive_s = keep_alive_s
        self._every_s = min(CHECK_INTERVAL_S, keep_alive_s)
        self._idle_s = 0.0
        self._body: object = None
        """The one that was coming at the last look, and what had come of it."""
        self._had_bytes = 0
        self._slow_looks = 0
        self._had_unread = 0
        self._stalled_looks = 0
        self._timer = loop.call_later(self._every_s, self._look)

    def end(self) -> None:
        """The connection is no more, or another protocol's."""
        self._timer.cancel()

    def _look(self) -> None:
        connection = self._connection
        self._timer = self._loop.call_later(self._every_s, self._look)
        self._idle_s = 0.0 if connection.take_activity() else self._idle_s + self._every_s
        if self._is_stalled(connection.unread()):
            connection.on_stalled()
        elif self._comes_too_slowly(*connection.coming()):
            connection.on_slow_body(BodyTooSlow(f"the request comes at less than {MIN_BYTES_PER_S} bytes a second"))
        elif self._idle_s >= self._keep_alive_s:
            connection.timeout_keep_alive_handler()

    def _is_stalled(self, unread: int) -> bool:
        stalled = 0 < self._had_unread <= unread
        self._had_unread = unread
        self._stalled_looks = self._stalled_looks + 1 if stalled else 0
        return self._stalled_looks == MAX_STALLED_CHECKS

    def _comes_too_slowly(self, body: object, has_bytes: int) -> bool:
        slow = body is not None and body is self._body and has_bytes - self._had_bytes < MIN_BYTES_PER_S * self._every_s
        self._body, self._had_bytes = body, has_bytes
        self._slow_looks = self._slow_looks + 1 if slow else 0
        return self._slow_looks == MAX_SLOW_CHECKS
