"""Closes connections that are idle, whose client sends a request too slowly, or whose client does not read its responses.

uvicorn sets a timer after each response and cancels it at the next request, which costs as much as to write the response. Here a
connection has one timer for periodic checks, which costs a request nothing. A problem is found up to one interval late.
"""

import asyncio
from typing import Protocol

from modelyard.errors import BodyTooSlow

CHECK_INTERVAL_S = 10.0
MIN_BYTES_PER_S = 4096
"""The minimum rate of a request, averaged over an interval; about that of a phone without 3G."""
MAX_SLOW_CHECKS = 2
"""Consecutive checks that may find a request too slow. HAProxy allows as long for headers, and for a body that fits its buffer."""
MAX_STALLED_CHECKS = 6
"""Consecutive intervals in which a client may read nothing of its responses: a minute in all, as in nginx (send_timeout)."""


class WatchedConnection(Protocol):
    """A connection."""

    def take_activity(self) -> bool:
        """Whether a request is open, or had its response since the last call."""

    def body_progress(self) -> tuple[object, int]:
        """(Token of the head or body that is being received, bytes of it so far); (None, 0) if there is none."""

    def on_slow_body(self, error: BodyTooSlow) -> None:
        """Respond with the error, and close."""

    def unwritten_bytes(self) -> int:
        """Bytes of responses that the client has not read, if they are so many that writing is paused; else 0."""

    def on_stalled(self) -> None:
        """The client does not read: drop the connection and its responses."""

    def timeout_keep_alive_handler(self) -> None:
        """The connection is idle: close it."""


class SlowClientWatchdog:
    """Checks one connection."""

    def __init__(self, connection: WatchedConnection, loop: asyncio.AbstractEventLoop, keep_alive_s: float) -> None:
        """`keep_alive_s` is how long a connection may be idle."""
        self._connection = connection
        self._loop = loop
        self._keep_alive_s = keep_alive_s
        self._interval_s = min(CHECK_INTERVAL_S, keep_alive_s)
        self._idle_s = 0.0
        self._last_body: object = None
        """`body_progress` at the last check."""
        self._last_body_bytes = 0
        self._slow_checks = 0
        self._last_unwritten = 0
        self._stalled_checks = 0
        self._timer = loop.call_later(self._interval_s, self._check)

    def end(self) -> None:
        """Stop: the connection is closed, or belongs to another protocol."""
        self._timer.cancel()

    def _check(self) -> None:
        connection = self._connection
        self._timer = self._loop.call_later(self._interval_s, self._check)
        self._idle_s = 0.0 if connection.take_activity() else self._idle_s + self._interval_s
        if self._is_stalled(connection.unwritten_bytes()):
            connection.on_stalled()
        elif self._is_too_slow(*connection.body_progress()):
            connection.on_slow_body(
                BodyTooSlow(f"the request was sent at less than {MIN_BYTES_PER_S} bytes per second")
            )
        elif self._idle_s >= self._keep_alive_s:
            connection.timeout_keep_alive_handler()

    def _is_stalled(self, unwritten: int) -> bool:
        stalled = 0 < self._last_unwritten <= unwritten
        self._last_unwritten = unwritten
        self._stalled_checks = self._stalled_checks + 1 if stalled else 0
        return self._stalled_checks == MAX_STALLED_CHECKS

    def _is_too_slow(self, body: object, received: int) -> bool:
        same = body is not None and body is self._last_body
        slow = same and received - self._last_body_bytes < MIN_BYTES_PER_S * self._interval_s
        self._last_body, self._last_body_bytes = body, received
        self._slow_checks = self._slow_checks + 1 if slow else 0
        return self._slow_checks == MAX_SLOW_CHECKS
