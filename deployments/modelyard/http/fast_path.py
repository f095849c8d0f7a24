"""The fast lane's table of hot paths.

Serve wraps every request in a task, a request context, access logs and metrics: 175 to 275 us of CPU. A hot path (an exact URL
in `FAST_PATH.hot`, POST, an ordinary body) needs none of it: `connection.py` answers it inside uvicorn's protocol, before Serve's
wrapper sees it. Everything else takes uvicorn's way, health checks included.
"""

from collections.abc import Callable
from typing import Protocol

from modelyard.http.asgi import Asgi
from modelyard.http.body_budget import BodyBudget
from modelyard.http.endpoint import Endpoint, StreamEndpoint
from modelyard.http.request import RequestIds


class Meter(Protocol):
    """Is told of every request that comes in."""

    def arrived(self) -> None:
        """One did."""


class FastPath:
    """What all connections of this process share."""

    def __init__(self) -> None:
        self.hot: dict[bytes, Endpoint] = {}
        """Empty until `open`: in the process of Serve's own proxy the lane never answers."""
        self.streams: dict[bytes, StreamEndpoint] = {}
        """Of hot URLs where request and answer are streamed."""
        self.sockets: Asgi | None = None
        """Answers WebSockets in the place of Serve's wrapper, which reads as fast as the client sends, whoever answers."""
        self.bodies = BodyBudget(0)
        """What all requests of the process hold."""
        self.mount = ""
        """What stands before the paths of other protocols when they take Serve's way."""
        self.arrived: Callable[[], None]
        self.request_ids = RequestIds()
        self._seen: list[tuple[bytes, bytes]] = []
        self._date_line = b""

    def open(
        self,
        hot: dict[bytes, Endpoint],
        meter: Meter,
        *,
        body_limit: int,
        mount: str = "",
        streams: dict[bytes, StreamEndpoint] | None = None,
        sockets: Asgi | None = None,
    ) -> None:
        """Start answering these URLs here; what limits a stream is its endpoint's."""
        self.hot, self.arrived, self.bodies = hot, meter.arrived, BodyBudget(body_limit)
        self.mount, self.streams, self.sockets = mount, streams or {}, sockets

    def date_line(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The Date header, which RFC 9110 asks of an origin, out of uvicorn's default headers: a new list every second."""
        if headers is not self._seen:
            self._date_line = b"".join(b"date: %b\r\n" % value for name, value in headers if name == b"date")
            self._seen = headers
        return self._date_line


FAST_PATH = FastPath()
